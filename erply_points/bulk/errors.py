"""Erply's error codes: the one table from what was refused to the number a client sees.

Source: `docs/protocol/erply-errors.md`. A type that is not in the table reaches no client; a test holds it complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erply_points.calls import refusals
from erply_points.ledger import errors as ledger_errors
from erply_points.ledger.amounts import to_points

INTERNAL: Final = 1000
ACCOUNT_NOT_FOUND: Final = 1001
QUOTA_USED_UP: Final = 1002
DATABASE_UNAVAILABLE: Final = 1003
UNKNOWN_CALL: Final = 1005
UNKNOWN_FORMAT: Final = 1007
SESSION_MISSING: Final = 1009
MALFORMED: Final = 1015
CONTRADICTION: Final = 1013
BAD_FORMAT: Final = 1014
BAD_VALUE: Final = 1016
TOO_MANY_REQUESTS: Final = 1020
SESSION_EXPIRED: Final = 1054
SESSION_UNKNOWN: Final = 1055
SOURCE_FAILED: Final = 1157
INVOICE_DUPLICATE: Final = 1158
DUPLICATE_UUID: Final = 1206
NOT_KEPT: Final = 9001

MEANINGS: Final[Mapping[int, str]] = {
    INTERNAL: "The server could not do it; nothing of it was kept.",
    ACCOUNT_NOT_FOUND: "There is no account of this clientCode, or none was sent.",
    QUOTA_USED_UP: "The account's requests of this hour are used up (setting `requests_per_hour`); nothing was run.",
    DATABASE_UNAVAILABLE: "The account's database is unavailable, or the server is busy (HTTP 503); try again soon.",
    UNKNOWN_CALL: "There is no such call, or none was named.",
    UNKNOWN_FORMAT: "responseType is not one that the server writes.",
    SESSION_MISSING: "The call needs a session key and none was sent.",
    MALFORMED: "The request cannot be read; nothing was run.",
    BAD_VALUE: "CURRENT_INVOICE_ID without a saveSalesDocument before it, or a reference that leads nowhere.",
    CONTRADICTION: "A key that was used for a different request before; nothing was run.",
    BAD_FORMAT: "A parameter of the request as a whole is not of its form; nothing was run.",
    TOO_MANY_REQUESTS: "A bulk of more than 100 sub-requests; nothing was run.",
    SESSION_EXPIRED: "The session has expired, or was ended: log in again.",
    SESSION_UNKNOWN: "The session key is unknown to this account, or its user has been deleted.",
    SOURCE_FAILED: "Not run: what it refers to has failed, such as an invoice (setting `failed_invoice`).",
    NOT_KEPT: "Not kept: the bulk is `atomic` and the sub-request that is named has failed.",
    INVOICE_DUPLICATE: "Not run: the invoice that it refers to was a duplicate.",
}
"""What the codes mean that the bulk itself gives; those of refusals are their types' own sentences."""

CODES: Final[Mapping[type[Exception], int]] = {
    refusals.RequiredMissing: 1010,
    refusals.UnknownID: 1011,
    refusals.NotUnique: 1012,
    refusals.Inconsistent: 1013,
    refusals.InvalidFormat: 1014,
    refusals.InvalidValue: 1016,
    refusals.IncorrectList: 1029,
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
    refusals.DuplicateUUID: DUPLICATE_UUID,
    refusals.RelatedRecords: 1022,
    refusals.CouponMissing: 1040,
    refusals.CouponRedeemed: 1041,
    refusals.CouponExpired: 1045,
    refusals.RequirementsConflict: 1046,
    refusals.RequirementMissing: 1047,
    refusals.AwardsConflict: 1048,
    refusals.AwardMissing: 1049,
    refusals.SessionTooOld: 1056,
    refusals.NoViewingRights: 1060,
    refusals.NoAddingRights: 1061,
    refusals.NoEditingRights: 1062,
    refusals.NoDeletingRights: 1063,
    refusals.NoLocationAccess: 1064,
    refusals.OverrideNotManual: 1076,
    refusals.LocationsConflict: 1110,
    refusals.MaximumPointsDiscountConflict: 1118,
    refusals.RedemptionLimitConflict: 1144,
    refusals.VatRateNotGiftCard: 1160,
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
