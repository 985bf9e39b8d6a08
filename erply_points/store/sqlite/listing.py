"""Listings as SQLite queries: field names become columns here and nowhere else."""

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from erply_points.ledger.records import Lot, Redemption
from erply_points.store.configuration import Client
from erply_points.store.listing import Condition, Listing, ListingName, Page
from erply_points.store.rows import (
    Coupon,
    Customer,
    Document,
    GiftCard,
    IssuedCoupon,
    Master,
    Movement,
    Payment,
    Product,
    Session,
    User,
    VatRate,
)

_FIELD: Final = re.compile(r"fields\.([A-Za-z0-9_]+)")


@dataclass(frozen=True)
class Source:
    """What is listed: its columns, where they come from, and what makes a row of them."""

    columns: str
    tables: str
    names: dict[str, str]
    make: Callable[[tuple[Any, ...]], Any]

    def column(self, field: str) -> str:
        """The SQL of a field; `fields.X` is X among the stored fields."""
        if match := _FIELD.fullmatch(field):
            return f"json_extract({self.names['fields']}, '$.{match[1]}')"
        return self.names[field]


def _plain(table: str, row: Any, **computed: str) -> Source:
    """A table's rows. `computed` columns of the row itself are listed in place of stored ones, others only queried."""
    names = {column: column for column in row._fields} | computed
    return Source(", ".join(names[column] for column in row._fields), table, names, row._make)


def _joined(values: str, first_of: str) -> str:
    """The stored fields with those of the first row that refers to theirs; without one, as they are."""
    return f"json_patch(fields, coalesce((SELECT json_object({values}) FROM {first_of} ORDER BY id LIMIT 1), '{{}}'))"


def _movement(name: str, record: Any) -> Source:
    width = len(record._fields)

    def make(values: tuple[Any, ...]) -> Movement:
        return Movement(record._make(values[:width]), *values[width:])

    columns = ", ".join(f"{name}.{column}" for column in record._fields)
    return Source(
        f"{columns}, customers.card_number, coalesce(documents.number, 0), coalesce(documents.custom_number, ''),"
        " wallets.shortfall",
        f"{name} JOIN customers ON customers.id = {name}.customer_id"
        f" JOIN wallets ON (wallets.customer_id, wallets.currency_id) = ({name}.customer_id, {name}.currency_id)"
        f" LEFT JOIN documents ON documents.id = {name}.document_id",
        {column: f"{name}.{column}" for column in record._fields},
        make,
    )


_SOURCES: Final[dict[ListingName, Source]] = {
    "customers": _plain(
        "customers",
        Customer,
        name="company_name || trim(first_name || ' ' || last_name)",
        listed_name="CASE company_name WHEN '' THEN last_name || ', ' || first_name ELSE company_name END",
        birthday_month_day="substr(birthday, 6, 5)",
        flag_status="coalesce(json_extract(fields, '$.flagStatus'), 0)",
    ),
    "documents": _plain(
        "documents",
        Document,
        customer_name="(SELECT company_name || trim(first_name || ' ' || last_name)"
        " FROM customers WHERE customers.id = customer_id)",
        customer_email="(SELECT email FROM customers WHERE customers.id = customer_id)",
        customer_phone="(SELECT phone FROM customers WHERE customers.id = customer_id)",
        customer_card_number="(SELECT card_number FROM customers WHERE customers.id = customer_id)",
        unpaid="total - paid",
        credited_in_full="coalesce(json_extract(fields, '$.marks.creditedInFull'), 0)",
        due_date="date(date, '+' || coalesce(json_extract(fields, '$.paymentDays'), 0) || ' days')",
        date_and_number="date || printf('%016d', number)",
        invoice_state="coalesce(json_extract(fields, '$.invoiceState'),"
        " CASE confirmed WHEN 1 THEN 'READY' ELSE 'PENDING' END)",
        any_number="CASE custom_number WHEN '' THEN CAST(number AS TEXT) ELSE custom_number END",
    ),
    "users": _plain("users", User),
    "sessions": _plain("sessions", Session),
    "clients": _plain("clients", Client),
    "payments": _plain("payments", Payment),
    "gift_cards": _plain("gift_cards", GiftCard),
    "coupons": _plain("coupons", Coupon),
    "issued_coupons": _plain(
        "issued_coupons", IssuedCoupon, last_day="CASE expiry_date WHEN '' THEN '9999-12-31' ELSE expiry_date END"
    ),
    "products": _plain("products", Product, net_price="CAST(price AS REAL)"),
    "warehouses": _plain("warehouses", Master),
    "points_of_sale": _plain("points_of_sale", Master),
    "employees": _plain(
        "employees",
        Master,
        fields=_joined(
            "'userID', id, 'username', username, 'userGroupID', group_id,"
            " 'warehouses', json_extract(rights, '$.warehouses')",
            "users WHERE employee_id = employees.id",
        ),
        birthday_month_day="substr(json_extract(fields, '$.birthday'), 6, 5)",
        # The stores of the user's limit, or all of them, as a comma list.
        stores="trim(coalesce((SELECT json_extract(rights, '$.warehouses') FROM users"
        " WHERE employee_id = employees.id ORDER BY id LIMIT 1), (SELECT json_group_array(id) FROM warehouses)), '[]')",
    ),
    "campaigns": _plain(
        "campaigns",
        Master,
        fields=_joined(
            "'requiredCouponID', id, 'requiredCouponCode', code", "coupons WHERE campaign_id = campaigns.id"
        ),
        last_day="coalesce(nullif(nullif(json_extract(fields, '$.endDate'), ''), '0000-00-00'), '9999-12-31')",
    ),
    "vat_rates": _plain("vat_rates", VatRate),
    "earnings": _movement("lots", Lot),
    "redemptions": _movement("redemptions", Redemption),
}


def run(database: sqlite3.Connection, listing: Listing) -> Page:
    source = _SOURCES[listing.of]
    where: list[str] = []
    values: list[Any] = []
    for condition in listing.conditions:
        sql, bound = _condition(source, condition)
        where.append(sql)
        values.extend(bound)
    tail = f" FROM {source.tables}" + (f" WHERE {' AND '.join(where)}" if where else "")
    order = ", ".join(f"{source.column(field)} {direction}" for field, direction in listing.order)
    query = f"SELECT {source.columns}{tail} ORDER BY {order}"
    if listing.limit is None:
        rows = list(map(source.make, database.execute(query, values)))
        return Page(rows, len(rows))
    (total,) = database.execute(f"SELECT count(*){tail}", values).fetchone()
    paged = database.execute(f"{query} LIMIT ? OFFSET ?", [*values, listing.limit, listing.offset])
    return Page(list(map(source.make, paged)), total)


_WILDCARDS: Final = {"same": "{}", "prefix": "{}%", "contains": "%{}%"}


def _condition(source: Source, condition: Condition) -> tuple[str, list[Any]]:
    value = condition.value
    bound: Any
    match condition.operator:
        case "attribute":
            stored = source.names["fields"]
            return (
                f"EXISTS (SELECT 1 FROM json_each({stored}, '$.attributes') AS attribute"
                " WHERE attribute.value ->> 'attributeName' = ? AND attribute.value ->> 'attributeValue' = ?)",
                [condition.fields[0], value],
            )
        case "in":
            test, bound = "{} IN (SELECT value FROM json_each(?))", json.dumps(list(value))
        case "same" | "prefix" | "contains":
            # LIKE disregards case in ASCII only; for other letters both sides are folded, which is slower.
            folded = value if value.isascii() else value.casefold()
            bound = _WILDCARDS[condition.operator].format(re.sub(r"([\\%_])", r"\\\1", folded))
            test = "{} LIKE ? ESCAPE '\\'" if value.isascii() else "casefold({}) LIKE ? ESCAPE '\\'"
        case "lists":
            test = (
                "EXISTS (SELECT 1 FROM json_each(?) AS asked"
                " WHERE instr(',' || replace({}, ' ', '') || ',', ',' || asked.value || ','))"
            )
            bound = json.dumps(value)
        case "outside":
            column = source.column(condition.fields[0])
            return f"(({column} <= ? AND {column} > '00-00') OR {column} >= ?)", list(value)
        case "rows_with":
            return (
                "EXISTS (SELECT 1 FROM document_rows WHERE document_id = documents.id"
                f" AND document_rows.{condition.fields[0]} = ?)",
                [value],
            )
        case "rows_with_field":
            name, comparison = condition.fields
            return (
                "EXISTS (SELECT 1 FROM document_rows AS r WHERE r.document_id = documents.id"
                f" AND json_extract(r.fields, '$.{name}') {comparison} ?)",
                [value],
            )
        case "=" if (isinstance(value, str) and value) or (isinstance(value, int) and value > 0):
            # Said twice, so that SQLite sees that an index over the rows that have a value will do.
            test = "({0} = ? AND {0} > " + ("''" if isinstance(value, str) else "0") + ")"
            bound = value
        case operator:
            test, bound = f"{{}} {operator} ?", value
    tests = [test.format(source.column(field)) for field in condition.fields]
    return f"({' OR '.join(tests)})", [bound] * len(tests)
