"""Erply's error codes: the one table from what was refused to the number a client sees.

Source: `protocol/erply-errors.md`. A type that is not in the table reaches no client; a test holds the table complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erply_points.calls import refusals
from erply_points.ledger import errors as ledger_errors
from erply_points.ledger.amounts import to_points

OK: Final = 0
INTERNAL: Final = 1000
ACCOUNT_NOT_FOUND: Final = 1001
DATABASE_UNAVAILABLE: Final = 1003
UNKNOWN_CALL: Final = 1005
UNKNOWN_FORMAT: Final = 1007
SESSION_MISSING: Final = 1009
MALFORMED: Final = 1015
TOO_MANY_REQUESTS: Final = 1020
SESSION_EXPIRED: Final = 1054
SESSION_UNKNOWN: Final = 1055
INVOICE_FAILED: Final = 1157
INVOICE_DUPLICATE: Final = 1158

CODES: Final[Mapping[type[Exception], int]] = {
    refusals.RequiredMissing: 1010,
    refusals.UnknownID: 1011,
    refusals.NotUnique: 1012,
    refusals.Inconsistent: 1013,
    refusals.InvalidFormat: 1014,
    refusals.InvalidValue: 1016,
    refusals.AlreadyConfirmed: 1017,
    refusals.ArrayGiven: 1030,
    refusals.CredentialMissing: 1050,
    refusals.LoginFailed: 1051,
    refusals.UserBlocked: 1052,
    refusals.PinLogin: 1058,
    refusals.EarnsNoPoints: 1072,
    refusals.SourcesDiffer: 1073,
    refusals.WrongSource: 1074,
    refusals.TypeFixed: 1121,
    refusals.DuplicateUUID: 1206,
    ledger_errors.NotEnoughPoints: 1042,
    ledger_errors.BalanceTooLarge: 1016,
}


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as a status shows it. `field` is None where the code names no parameter."""

    code: int
    message: str
    field: str | None = None


def wire_error(error: refusals.Refusal | ledger_errors.LedgerError) -> WireError:
    code = CODES[type(error)]
    match error:
        case refusals.Refusal():
            return WireError(code, error.message, error.field)
        case ledger_errors.NotEnoughPoints():
            return WireError(code, f"The customer has {to_points(error.spendable)} points to spend.")
        case ledger_errors.BalanceTooLarge():
            return WireError(code, "The balance would be more than the server can hold.", "points")
    raise AssertionError(error)
