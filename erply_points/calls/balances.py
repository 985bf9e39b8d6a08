"""getCustomerRewardPoints: one balance, or many, of now, of the past, or with what expires soon."""

from collections.abc import Iterator
from typing import Final

from erply_points.calls.call import DEFAULT_CURRENCY, Call, Context, Params, Record
from erply_points.calls.fields import id_list
from erply_points.calls.named import check_customer
from erply_points.calls.points import points_needs
from erply_points.calls.posting import wallet_of
from erply_points.calls.programs import shown
from erply_points.calls.refusals import Inconsistent, InvalidValue, Refusal, RequiredMissing, UnknownID
from erply_points.ledger.amounts import UnixSeconds
from erply_points.store.rows import BalanceQuery
from erply_points.store.unit_of_work import Needs


def _balance_needs(params: Params) -> Needs:
    return points_needs(params) if params.keys().isdisjoint(_BEYOND_ERPLY) else {}


def balance(context: Context, params: Params) -> list[Record]:
    if not params.keys().isdisjoint(_BEYOND_ERPLY):
        return _balances(context, params)
    customer_id: int = params["customerID"]
    check_customer(context, customer_id)
    return [{"points": shown(context, wallet_of(context, customer_id).balance_at(context.now))}]


_BEYOND_ERPLY: Final = ("customerIDs", "asOf", "expiringBefore")
CUSTOMERS_MAX: Final = 1_000


def _balances(context: Context, params: Params) -> list[Record]:
    """Balances of many, of the past, or with what expires soon: one read whatever their number."""
    listed = params.get("customerIDs", "")
    field = "customerIDs" if listed else "customerID"
    as_of: UnixSeconds = params.get("asOf", 0)
    expiring_before: UnixSeconds = params.get("expiringBefore", 0)
    if listed and "customerID" in params:
        raise Inconsistent("customerIDs", "Send customerID or customerIDs, not both.")
    if as_of and expiring_before:
        raise Inconsistent("expiringBefore", "expiringBefore looks ahead from now, so asOf cannot be sent with it.")
    if as_of > context.now:
        raise InvalidValue("asOf", "asOf must not be in the future.")
    customer_ids = tuple(id_list(listed)) if listed else (params["customerID"],)
    query = BalanceQuery(customer_ids, DEFAULT_CURRENCY, as_of or context.now, bool(as_of), expiring_before)
    found = context.work.balances.get(query) or ()
    del context.work.balances.rows[query]  # The next time it may be another.
    unknown = [each.customer_id for each in found if not each.is_known]
    if unknown:
        raise UnknownID(field, f"There is no customer {', '.join(map(str, unknown))}.")
    return [
        {
            **({"customerID": each.customer_id} if listed else {}),
            "points": shown(context, each.points),
            **({"expiringPoints": shown(context, each.expiring)} if expiring_before else {}),
        }
        for each in found
    ]


def _check_balance(params: Params) -> Iterator[Refusal]:
    listed = params.get("customerIDs", "")
    if not listed and "customerIDs" in params and "customerID" not in params:
        yield RequiredMissing("customerID", "customerID is required.")
    if len(id_list(listed)) > CUSTOMERS_MAX:
        yield InvalidValue("customerIDs", f"customerIDs takes at most {CUSTOMERS_MAX} customers.")


CALLS: Final = (Call("getCustomerRewardPoints", balance, needs=_balance_needs, check=_check_balance),)
