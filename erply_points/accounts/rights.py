"""What a user may do. An integration's user may do everything unless something was denied.

A right is either one of Erply's flags (`rightAddRewardPoints`) or an action on a kind of record (`customers.delete`).
Source: `docs/protocol/erply-calls.md`, getUserRights; `docs/protocol/erply-errors.md`, 1060 to 1064.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

FLAGS: Final = (
    "rightAddRewardPoints",
    "rightApplyPromotions",
    "rightEditConfirmedInvoices",
    "rightChangeInvoiceDate",
    "rightChangePrices",
    "rightMakePOSRefunds",
    "rightMakePOSReturnsWithoutReceipt",
    "rightGiveCustomerCredit",
    "rightPOSManagerOverride",
    "rightMakeDiscountInPOS",
    "rightOpenAndCloseDay",
)
ACTIONS: Final = ("view", "add", "edit", "delete")
KINDS: Final = (
    "customers",
    "points",
    "sales",
    "payments",
    "giftCards",
    "coupons",
    "campaigns",
    "products",
    "warehouses",
    "employees",
    "vatRates",
)
ALL: Final = (*FLAGS, *(f"{kind}.{action}" for kind in KINDS for action in ACTIONS))


@dataclass(frozen=True, slots=True)
class Rights:
    denied: frozenset[str] = frozenset()
    warehouses: frozenset[int] | None = None
    """The stores the user may sell in; None: all."""

    def allow(self, right: str) -> bool:
        return right not in self.denied

    def dump(self) -> str:
        rights: dict[str, list[str] | list[int]] = {}
        if self.denied:
            rights["denied"] = sorted(self.denied)
        if self.warehouses is not None:
            rights["warehouses"] = sorted(self.warehouses)
        return orjson.dumps(rights).decode()


ALL_RIGHTS: Final = Rights()


def make(denied: Iterable[str], warehouses: Iterable[int] = ()) -> Rights:
    """Raises ValueError for a right that does not exist. Without `warehouses` all are allowed."""
    lacking = frozenset(denied)
    if unknown := lacking - frozenset(ALL):
        raise ValueError(f"there is no right {min(unknown)}")
    return Rights(lacking, frozenset(warehouses) or None)


def load(text: str) -> Rights:
    stored = orjson.loads(text)
    warehouses = stored.get("warehouses")
    return Rights(frozenset(stored.get("denied", ())), None if warehouses is None else frozenset(warehouses))
