"""Customers. Facts: `docs/protocol/erply-calls.md`, "saveCustomer", "getCustomers" and "deleteCustomer"."""

from collections.abc import Iterator
from typing import Any, Final

from erply_points.calls import fields, identifiers, programs
from erply_points.calls.call import DEFAULT_CURRENCY, Call, Context, ListingCall, Params, Record
from erply_points.calls.paging import conditions, order, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import (
    InvalidValue,
    NotUnique,
    Refusal,
    RelatedRecords,
    RequiredMissing,
    UnknownID,
)
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Customer
from erply_points.store.unit_of_work import Needs

_NAMES: Final = ("companyName", "firstName", "lastName", "fullName")


def _needs(params: Params) -> Needs:
    needs: dict[str, set[Any]] = {}
    if params.get("customerID"):
        needs["customers"] = {params["customerID"]}
        if not _IDENTIFIERS.keys().isdisjoint(params):
            needs["identifiers_of"] = {params["customerID"]}
    if card_number := params.get("customerCardNumber"):
        needs["card_numbers"] = {card_number}
    if wanted := _wanted(params):
        needs["identifiers"] = {(kind, identifiers.normal(kind, value)) for kind, value in wanted.items()}
    if listed := params.get("programIDs"):
        needs["programs"] = set(fields.id_list(listed))
        needs["currencies"] = {DEFAULT_CURRENCY}
    return needs


_IDENTIFIERS: Final = {"externalID": "externalId", "mobile": "mobile", "email": "email"}
"""Parameters that a customer can be found by, and what kind of identifier each is."""


def _wanted(params: Params) -> dict[str, str]:
    """The identifiers that were sent, by kind."""
    return {kind: params[name] for name, kind in _IDENTIFIERS.items() if name in params}


def _check_identifiers(context: Context, before: Customer, wanted: dict[str, str]) -> dict[str, str]:
    """Those of `wanted` that change. Raises NotUnique if another customer has one of them."""
    unchanged = {"mobile": before.mobile, "email": before.email}
    changed = {kind: value for kind, value in wanted.items() if unchanged.get(kind, "\0") != value}
    for kind in identifiers.taken(context, before.id, changed):
        name = next(name for name, each in _IDENTIFIERS.items() if each == kind)
        raise NotUnique(name, f"Another customer has this {name}.")
    return changed


def _check_programs(context: Context, listed: str) -> list[int]:
    """The programs of a comma list. Raises UnknownID."""
    found = fields.id_list(listed)
    for program_id in found:
        if context.work.programs.get(program_id) is None:
            raise UnknownID("programIDs", f"There is no program {program_id}.")
    return found


def _save(context: Context, params: Params) -> list[Record]:
    work = context.work
    customer_id = params.get("customerID", 0)
    before = work.customers.get(customer_id) if customer_id else None
    if customer_id and before is None:
        raise UnknownID("customerID", f"There is no customer {customer_id}.")
    if before is None:
        before = Customer(0, "", "", "", "", "", "", "", "", "", 0, context.now, context.now, "{}")
    saved = _changed(context, params, before)
    if saved.card_number != before.card_number:
        if (holder := _holder(context, saved)) is not None:
            if not saved.id and holder.full_name == saved.full_name:
                return [{"customerID": holder.id, "alreadyExists": True}]
            raise NotUnique("customerCardNumber", "Another customer has this customerCardNumber.")
        if before.card_number:
            work.card_numbers.delete(before.card_number)
    wanted = _check_identifiers(context, before, _wanted(params))
    enrolled = _check_programs(context, params.get("programIDs", ""))
    is_new = not saved.id
    if is_new:
        saved = saved._replace(id=work.new_id("customers"))
        work.wallets.rows.setdefault((saved.id, DEFAULT_CURRENCY), None)
    work.customers.put(saved.id, saved)
    work.card_numbers.put(saved.card_number, saved)
    if wanted or is_new:
        identifiers.identify(context, saved.id, wanted, is_new=is_new)
    if enrolled:
        programs.enrol(context, saved.id, enrolled)
    return [{"customerID": saved.id, "alreadyExists": False}]


def _deletion_needs(params: Params) -> Needs:
    belongings = ("wallets_of", "identifiers_of", "enrolments_of", "members")
    return {name: {params["customerID"]} for name in ("customers", *belongings)}


def _delete(context: Context, params: Params) -> list[Record]:
    work = context.work
    customer_id = params["customerID"]
    customer = work.customers.get(customer_id)
    if customer is None:
        raise UnknownID("customerID", f"There is no customer {customer_id}.")
    if customer_id == context.settings.default_client_idDat:
        raise RelatedRecords("customerID", f"Customer {customer_id} is the account's customer of sales without one.")
    if work.wallets_of.get(customer_id):
        raise RelatedRecords("customerID", f"Customer {customer_id} has a history of points.")
    documents = work.documents_of.get(customer_id)
    del work.documents_of.rows[customer_id]  # Later sub-requests may save or delete one, so each deletion reads them.
    if documents:
        raise RelatedRecords("customerID", f"Sales documents refer to customer {customer_id}.")
    identifiers.forget(context, customer_id)
    for enrolment in work.enrolments_of.get(customer_id) or ():
        work.enrolments.delete(enrolment[:2])
    work.drop(work.enrolments_of, customer_id)
    work.members.delete(customer_id)
    work.customers.delete(customer_id)
    if customer.card_number:
        work.card_numbers.delete(customer.card_number)
    return []


def _check(params: Params) -> Iterator[Refusal]:
    if not params.get("customerID"):
        if not any(params.get(name, "").strip() for name in _NAMES):
            yield RequiredMissing("firstName", "A customer needs a companyName, firstName, lastName or fullName.")
    elif params.get("groupID") == 0:
        yield InvalidValue("groupID", "groupID cannot be set to 0.")
    yield from fields.impossible_dates(params, ("birthday",))


def _holder(context: Context, customer: Customer) -> Customer | None:
    """Another customer with the same card."""
    if not customer.card_number:
        return None
    holder = context.work.card_numbers.get(customer.card_number)
    return None if holder is None or holder.id == customer.id else holder


def _changed(context: Context, params: Params, before: Customer) -> Customer:
    kept = fields.load(before.fields)
    company_name, first_name, last_name = _name(before, params)
    stored = fields.stored("saveCustomer", params)
    if "vatNumber" in params:
        stored["vatNumber"] = params["vatNumber"]
    return before._replace(
        company_name=company_name,
        first_name=first_name,
        last_name=last_name,
        card_number=params.get("customerCardNumber", before.card_number).strip(),
        code=params.get("code", before.code),
        email=params.get("email", before.email),
        phone=params.get("phone", before.phone),
        mobile=params.get("mobile", before.mobile),
        birthday=params.get("birthday", before.birthday),
        reward_points_disabled=params.get("rewardPointsDisabled", before.reward_points_disabled),
        changed_at=context.now,
        fields=fields.dump({**kept, **stored, **fields.merge_attributes(kept, params)}),
    )


def _name(before: Customer, params: Params) -> tuple[str, str, str]:
    """Company, first and last name. A `fullName` is "Last, First", or a name whose last word is the last name."""
    company_name = params.get("companyName", before.company_name).strip()
    first_name = params.get("firstName", before.first_name).strip()
    last_name = params.get("lastName", before.last_name).strip()
    full_name = params.get("fullName", "").strip()
    if full_name and not {"companyName", "firstName", "lastName"} & params.keys():
        if before.company_name:
            return full_name, first_name, last_name
        if "," in full_name:
            last_name, first_name = (part.strip() for part in full_name.split(",", 1))
        else:
            first_name, _, last_name = (part.strip() for part in full_name.rpartition(" "))
    return company_name, first_name, last_name


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "customerID": ("id", "="),
    "searchPersonFirstName": ("first_name", "same"),
    "searchPersonLastName": ("last_name", "same"),
    "searchEmail": ("email", "same"),
    "searchMobile": ("mobile", "same"),
    "searchVATNo": ("fields.vatNumber", "same"),
    "searchCode": ("card_number", "="),
    "searchRegistryCode": ("code", "="),
    "clientManagerID": ("fields.customerManagerID", "="),
    "groupID": ("fields.groupID", "="),
    "groupIDWithSubgroups": ("fields.groupID", "="),
    "payerID": ("fields.invoicePayerID", "="),
    "colorStatus": ("fields.colorStatus", "="),
    "createdUnixTimeFrom": ("added_at", ">="),
    "createdUnixTimeTo": ("added_at", "<="),
    "changedSince": ("changed_at", ">="),
}
_SEARCHED: Final = ("name", "listed_name", "email", "phone", "mobile", "card_number")
_ORDERS: Final = {
    "name": "listed_name",
    "customerID": "id",
    "group": "fields.groupID",
    "colorStatus": "fields.colorStatus",
    "lastChanged": "changed_at",
    "none": "id",
}


def _listing(context: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    if params.get("customerIDs"):
        asked.append(Condition(("id",), "in", fields.id_list(params["customerIDs"])))
    operator: Operator = "contains" if params.get("searchFromMiddle") else "prefix"
    if text := params.get("searchName", "").strip():
        asked.append(Condition(_SEARCHED, operator, text))
    if text := params.get("searchPersonFullName", "").strip():
        asked.append(Condition(("name", "listed_name"), operator, text))
    if "flagStatus" in params:
        asked.append(Condition(("flag_status",), "=", params["flagStatus"]))
    if text := params.get("searchNameIncrementally", "").strip():
        asked.append(Condition((*_SEARCHED, "code"), operator, text))
    if params.get("mode") == "CONTACTS":
        asked.append(Condition(("id",), "in", []))  # Contact persons are not kept here.
    if params.get("getPOSDefaultCustomers"):
        asked.append(Condition(("id",), "=", context.settings.default_client_idDat))
    asked += birthday_conditions(params.get("birthdayMonthDayFrom", ""), params.get("birthdayMonthDayTo", ""))
    asked += fields.attribute_conditions(params)
    return Listing("customers", tuple(asked), order=order(params, _ORDERS, "customerID"), **page(params))


def birthday_conditions(start: str, end: str) -> list[Condition]:
    """A range of days of the year, which may run over New Year."""
    since = Condition(("birthday_month_day",), ">=", start or "01-01")
    until = Condition(("birthday_month_day",), "<=", end or "12-31")
    if not start and not end:
        return []
    if start <= (end or "12-31"):
        return [since, until]
    return [Condition(("birthday_month_day",), "outside", (end, start))]


def _records(context: Context, _: Params, page: Page) -> list[Record]:
    def record(row: Customer) -> Record:
        person = not row.company_name
        stored = fields.load(row.fields)
        return shape("getCustomers").record(
            {
                "id": row.id,
                "customerID": row.id,
                "type_id": "1" if person else "0",
                "customerType": "PERSON" if person else "COMPANY",
                "fullName": row.full_name,
                "companyName": row.company_name,
                "firstName": row.first_name,
                "lastName": row.last_name,
                "customerCardNumber": row.card_number,
                "code": row.code,
                "email": row.email,
                "phone": row.phone,
                "mobile": row.mobile,
                "birthday": row.birthday or "0000-00-00",
                "rewardPointsDisabled": row.reward_points_disabled,
                "externalID": identifiers.of_kind(context, row.id, "externalId"),
                "profileID": identifiers.of_kind(context, row.id, identifiers.PROFILE),
                "programIDs": programs.listed(context, row.id),
                "isPOSDefaultCustomer": int(row.id == context.settings.default_client_idDat),
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            stored,
            {"payerID": stored["invoicePayerID"]} if "invoicePayerID" in stored else {},
        )

    return list(map(record, page.rows))


def _refers_to(page: Page) -> Needs:
    ids = {row.id for row in page.rows}
    return {"identifiers_of": ids, "enrolments_of": ids, "currencies": {DEFAULT_CURRENCY}}


CALLS: Final = (
    Call("saveCustomer", _save, needs=_needs, check=_check, writes=True),
    ListingCall("getCustomers", _listing, _records, refers_to=_refers_to),
    Call("deleteCustomer", _delete, needs=_deletion_needs, writes=True),
)
