"""The table of error codes: complete, documented, and one code per refusal."""

from collections.abc import Iterator

import pytest

from erply_points.bulk import errors
from erply_points.bulk.errors import CODES, WireError, wire_error
from erply_points.calls.refusals import Refusal
from erply_points.ledger.errors import BalanceTooLarge, LedgerError, NotEnoughPoints

DOCUMENTED = {
    # Request and account.
    *(0, *range(1000, 1004), *range(1005, 1024), *range(1026, 1031)),
    # Coupons and points.
    *(1040, 1041, 1042, 1045, 1071, 1072, 1118, 1142, 1143),
    # Session and log-in.
    *(*range(1050, 1069), *range(1170, 1177), 1190, 1191, 1194, 1201, 1209, 1212, 1219, 1220),
    # Sales documents, payments, gift cards.
    *(1073, 1074, 1075, 1121, 1124, 1128, 1130, 1138, 1150, 1156, 1157, 1158, 1159, 1160, 1161, 1162, 1178, 1195),
    *(1204, 1205, 1206, 1211, 1215, 1218),
    # Customers.
    *(1081, 1082, 1085, 1086, 1087, *range(1100, 1104), 1120, 1126, 1127, 1146, 1148, 1196, 1202, 1203),
    # Promotions.
    *(*range(1046, 1050), 1076, *range(1110, 1118), 1119, 1122, 1123, 1129, 1131, 1132, 1133, 1134, 1139, 1140, 1141),
    *(1144, 1145, 1182, 1184, 1185, 1197, 1198, 1199, 1200, 1207, 1208),
}
"""Every code of Erply's list."""

OURS = {9001}
"""For what Erply does not have."""

CONSTANTS = {
    "INTERNAL": 1000,
    "ACCOUNT_NOT_FOUND": 1001,
    "QUOTA_USED_UP": 1002,
    "DATABASE_UNAVAILABLE": 1003,
    "UNKNOWN_CALL": 1005,
    "UNKNOWN_FORMAT": 1007,
    "SESSION_MISSING": 1009,
    "MALFORMED": 1015,
    "TOO_MANY_REQUESTS": 1020,
    "SESSION_EXPIRED": 1054,
    "SESSION_UNKNOWN": 1055,
    "CONTRADICTION": 1013,
    "BAD_FORMAT": 1014,
    "BAD_VALUE": 1016,
    "DUPLICATE_UUID": 1206,
    "NOT_KEPT": 9001,
    "SOURCE_FAILED": 1157,
    "INVOICE_DUPLICATE": 1158,
}

BY_NAME = {
    "RequiredMissing": 1010,
    "UnknownID": 1011,
    "NotUnique": 1012,
    "Inconsistent": 1013,
    "InvalidFormat": 1014,
    "InvalidValue": 1016,
    "IncorrectList": 1029,
    "AlreadyConfirmed": 1017,
    "ArrayGiven": 1030,
    "CredentialMissing": 1050,
    "LoginFailed": 1051,
    "UserBlocked": 1052,
    "PinLogin": 1058,
    "EarnsNoPoints": 1072,
    "SourcesDiffer": 1073,
    "WrongSource": 1074,
    "TypeFixed": 1121,
    "DuplicateUUID": 1206,
    "NotEnoughPoints": 1042,
    "BalanceTooLarge": 1016,
}


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_refusal_has_a_code() -> None:
    """A refusal added to the calls or to the ledger cannot reach a client without a code."""
    assert {*subclasses(Refusal), *subclasses(LedgerError)} == set(CODES)


def test_every_code_is_documented() -> None:
    """Where Erply has a code it is used; those of our own are far from Erply's."""
    given = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    assert given | set(CODES.values()) <= DOCUMENTED | OURS


@pytest.mark.parametrize(("name", "code"), CONSTANTS.items())
def test_codes_of_the_request_as_a_whole(name: str, code: int) -> None:
    """Codes that concern the whole request are those of Erply's list."""
    assert getattr(errors, name) == code


@pytest.mark.parametrize(("name", "code"), BY_NAME.items())
def test_codes_of_refusals(name: str, code: int) -> None:
    """Each refusal has the code whose meaning it has in Erply's list."""
    assert {kind.__name__: value for kind, value in CODES.items()}[name] == code


def test_codes_are_unique() -> None:
    """Two refusals share a code only where Erply has one for both: a value that is not allowed."""
    kinds: dict[int, set[str]] = {}
    for kind, code in CODES.items():
        kinds.setdefault(code, set()).add(kind.__name__)
    assert {code: names for code, names in kinds.items() if len(names) > 1} == {
        1016: {"InvalidValue", "BalanceTooLarge"}
    }


@pytest.mark.parametrize("kind", [kind for kind in CODES if issubclass(kind, Refusal)])
def test_refusals_keep_field_and_sentence(kind: type[Refusal]) -> None:
    """A refusal's field and sentence reach the client as they are."""
    assert wire_error(kind("points", "A sentence.")) == WireError(CODES[kind], "A sentence.", "points")


def test_sentences_of_ledger_errors() -> None:
    """The ledger knows thousandths; the sentence a cashier reads says whole points."""
    error = wire_error(NotEnoughPoints(asked=100_000, spendable=99_999))
    assert (error.code, error.field, error.message) == (1042, None, "The customer has 99 points to spend.")
    error = wire_error(BalanceTooLarge(limit=5))
    assert (error.code, error.field) == (1016, "points")
    assert error.message.endswith(".")
