"""Employees. Facts: `docs/protocol/erply-calls.md`, "getEmployees"."""

from collections.abc import Iterator
from typing import Any, Final

from erply_points.calls import fields
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.customers import birthday_conditions
from erply_points.calls.master import MasterTable
from erply_points.calls.paging import conditions, order, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import Refusal, RequiredMissing
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Master

EMPLOYEES: Final = MasterTable("employees", "saveEmployee", "employeeID")

_NAMES: Final = ("lastName", "firstName", "fullName")
_USED: Final = ("firstName", "lastName", "email", "birthday")
"""Kept like the stored ones, and also searched by."""


def _save(context: Context, params: Params) -> list[Record]:
    before = EMPLOYEES.before(context, params)
    used: Params = {name: params[name] for name in _USED if name in params}
    return EMPLOYEES.save(context, params, before, _name(params, before), used)


def _name(params: Params, before: Master) -> str:
    """The whole name: as it was sent, or of the parts; it stays if nothing of it is sent, or only blanks."""
    if full_name := params.get("fullName", "").strip():
        return str(full_name)
    kept = fields.load(before.fields)
    parts = (params.get(name, kept.get(name, "")).strip() for name in ("firstName", "lastName"))
    whole = " ".join(part for part in parts if part)
    return whole if whole and {"firstName", "lastName"} & params.keys() else before.name


def _check(params: Params) -> Iterator[Refusal]:
    if not params.get("employeeID") and not any(params.get(name, "").strip() for name in _NAMES):
        yield RequiredMissing("lastName", "An employee needs a lastName, firstName or fullName.")
    yield from fields.impossible_dates(params, ("birthday",))


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "employeeID": ("id", "="),
    "userGroupID": ("fields.userGroupID", "="),
    "changedSince": ("changed_at", ">="),
}
_SEARCHED: Final = ("name", "fields.email", "fields.phone", "fields.mobile")
_ORDERS: Final = {"employeeID": "id", "name": "name", "lastChanged": "changed_at"}


def _listing(_: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    if text := params.get("searchName", "").strip():
        asked.append(Condition(_SEARCHED, "contains", text))
    if text := params.get("usernameOrEmail", "").strip():
        asked.append(Condition(("fields.username", "fields.email"), "=", text))
    if params.get("warehouseID"):
        asked.append(Condition(("stores",), "lists", [params["warehouseID"]]))
    asked += birthday_conditions(params.get("birthdayMonthDayFrom", ""), params.get("birthdayMonthDayTo", ""))
    asked += fields.attribute_conditions(params)
    return Listing("employees", tuple(asked), order=order(params, _ORDERS, "employeeID"), **page(params))


def _records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(row: Master) -> Record:
        stored = fields.load(row.fields)
        return shape("getEmployees").record(
            {"employeeID": row.id, "code": row.code, "added": row.added_at, "lastModified": row.changed_at},
            stored,
            {
                "fullName": row.name,
                "employeeName": row.name,
                "warehouses": _links(stored),
                "birthday": stored.get("birthday") or "0000-00-00",
            },
        )

    return list(map(record, page.rows))


def _links(stored: dict[str, Any]) -> list[Record]:
    """The stores that the employee's user is limited to; without a limit an empty list."""
    return [{"id": warehouse_id} for warehouse_id in stored.get("warehouses", ())]


CALLS: Final = (
    Call("saveEmployee", _save, needs=EMPLOYEES.needs, check=_check, writes=True),
    ListingCall("getEmployees", _listing, _records),
)
