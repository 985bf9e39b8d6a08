"""What a call refuses, one type per refusal. The table from type to Erply's code is in `bulk/errors.py`."""

from dataclasses import dataclass


@dataclass
class Refusal(Exception):
    """A sub-request that cannot be done. `field` is the parameter at fault, `message` one plain sentence."""

    field: str | None
    message: str


class RequiredMissing(Refusal):
    """A required parameter is missing."""


class UnknownID(Refusal):
    """An ID refers to nothing."""


class NotUnique(Refusal):
    """Another record has this value."""


class Inconsistent(Refusal):
    """Parameters contradict each other, or one was sent twice with different values."""


class InvalidFormat(Refusal):
    """A value is of the wrong type or form, or too long."""


class IncorrectList(Refusal):
    """One or more items of a comma list are wrong."""


class InvalidValue(Refusal):
    """A value is well-formed but not allowed."""


class AlreadyConfirmed(Refusal):
    """A confirmed document keeps its contents, warehouse and customer."""


class ArrayGiven(Refusal):
    """A list was sent where a single value belongs."""


class CredentialMissing(Refusal):
    """User name or password is missing."""


class LoginFailed(Refusal):
    """User name or password is wrong."""


class UserBlocked(Refusal):
    """Too many failed log-ins: blocked for ten minutes."""


class PinLogin(Refusal):
    """verifyUser takes no PIN."""


class EarnsNoPoints(Refusal):
    """The customer does not collect points."""


class SourcesDiffer(Refusal):
    """Source documents are of several types or customers."""


class WrongSource(Refusal):
    """A source document is itself an invoice."""


class TypeFixed(Refusal):
    """A confirmed document keeps its type."""


class DuplicateUUID(Refusal):
    """A document with this temporaryUUID was saved within the last day."""


class RelatedRecords(Refusal):
    """Other records refer to it."""


class CouponMissing(Refusal):
    """No coupon of this identifier was issued."""


class CouponRedeemed(Refusal):
    """The coupon has been redeemed."""


class CouponExpired(Refusal):
    """The coupon has expired."""


class RequirementsConflict(Refusal):
    """A promotion has more than one requirement."""


class RequirementMissing(Refusal):
    """A promotion has no requirement."""


class AwardsConflict(Refusal):
    """A promotion has more than one award."""


class AwardMissing(Refusal):
    """A promotion has no award."""


class SessionTooOld(Refusal):
    """The session ended more than two hours ago, or was ended before its time."""


class NoViewingRights(Refusal):
    """The user may not view this."""


class NoAddingRights(Refusal):
    """The user may not add this."""


class NoEditingRights(Refusal):
    """The user may not edit this."""


class NoDeletingRights(Refusal):
    """The user may not delete this."""


class NoLocationAccess(Refusal):
    """The user has no access to this store."""


class OverrideNotManual(Refusal):
    """Only a manual promotion can need a manager's approval."""


class LocationsConflict(Refusal):
    """Only one of warehouseID, storeGroup and storeRegionIDs can be given."""


class MaximumPointsDiscountConflict(Refusal):
    """maximumPointsDiscount goes with rewardPoints and sumOffEntirePurchase only."""


class RedemptionLimitConflict(Refusal):
    """redemptionLimit does not go with rewardPoints."""


class VatRateNotGiftCard(Refusal):
    """giftCardVatRateID goes with payments of type GIFTCARD only."""
