"""Listings as PostgreSQL queries: field names become columns here and nowhere else.

Text is ordered and compared by its bytes, and what is missing comes first, whatever the database's own order: so that a
listing is the same in every store.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from erply_points.ledger.records import Lot, Redemption
from erply_points.store.configuration import Client
from erply_points.store.listing import Condition, Listing, ListingName, Page
from erply_points.store.postgres.connection import Connection
from erply_points.store.postgres.tables import quoted, type_of
from erply_points.store.rows import (
    Coupon,
    Customer,
    Document,
    DocumentRow,
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


@dataclass(frozen=True, slots=True)
class Column:
    """SQL of what is listed or compared, and its type: text, bigint or numeric; json for a stored field of any kind."""

    sql: str
    type: str

    def of_type(self, wanted: str) -> "Column":
        """A stored field as what it holds, nothing where it holds something else; all else as it is."""
        if self.type != "json":
            return self
        number = f"CASE json_typeof({self.sql}) WHEN 'number' THEN ({self.sql} #>> '{{}}')::numeric"
        if wanted == "text":
            text = f"(CASE json_typeof({self.sql}) WHEN 'string' THEN {self.sql} #>> '{{}}' END)"
            return Column(f'{text} COLLATE "C"', "text")
        return Column(f"({number} WHEN 'boolean' THEN ({self.sql} #>> '{{}}')::boolean::int END)", "numeric")

    @property
    def as_text(self) -> str:
        """Whatever it is, written out."""
        if self.type == "json":
            return f"({self.sql} #>> '{{}}') COLLATE \"C\""
        return self.sql if self.type == "text" else f'({self.sql})::text COLLATE "C"'


def _text(sql: str) -> Column:
    return Column(f'({sql}) COLLATE "C"', "text")


def _field(path: str) -> Column:
    return Column(f"(fields #> '{{{path}}}')", "json")


def _number(path: str) -> Column:
    """A stored number, 0 where there is none."""
    return Column(f"coalesce({_field(path).of_type('numeric').sql}, 0)", "numeric")


@dataclass(frozen=True)
class Source:
    """What is listed: its columns, where they come from, and what makes a row of them."""

    columns: str
    tables: str
    names: Mapping[str, Column]
    make: Callable[[Any], Any]

    def column(self, field: str) -> Column:
        """The column of a field; `fields.X` is X among the stored fields."""
        if match := _FIELD.fullmatch(field):
            return Column(f"({self.names['fields'].sql} -> '{match[1]}')", "json")
        return self.names[field]


def _plain(table: str, row: Any, **computed: Column) -> Source:
    """A table's rows. `computed` columns of the row itself are listed in place of stored ones, others only queried."""
    names = {column: Column(f'"{column}"', type_of(row, column)) for column in row._fields} | computed
    return Source(", ".join(names[column].sql for column in row._fields), table, names, row._make)


def _joined(values: str, first_of: str) -> Column:
    """The stored fields with those of the first row that refers to theirs; without one, as they are."""
    first = f"SELECT jsonb_strip_nulls(jsonb_build_object({values})) FROM {first_of} ORDER BY id LIMIT 1"
    return Column(f"(fields::jsonb || coalesce(({first}), '{{}}'))::json", "json")


def _movement(name: str, record: Any) -> Source:
    width = len(record._fields)

    def make(values: Any) -> Movement:
        return Movement(record._make(values[:width]), *values[width:])

    return Source(
        f"{quoted(record._fields, f'{name}.')}, customers.card_number, coalesce(documents.number, 0),"
        " coalesce(documents.custom_number, ''), wallets.shortfall",
        f"{name} JOIN customers ON customers.id = {name}.customer_id"
        f" JOIN wallets ON (wallets.customer_id, wallets.currency_id) = ({name}.customer_id, {name}.currency_id)"
        f" LEFT JOIN documents ON documents.id = {name}.document_id",
        {column: Column(f'{name}."{column}"', type_of(record, column)) for column in record._fields},
        make,
    )


def _of_customer(sql: str) -> Column:
    return _text(f"SELECT {sql} FROM customers WHERE customers.id = customer_id")


_NAME: Final = "company_name || trim(first_name || ' ' || last_name)"
_SOURCES: Final[dict[ListingName, Source]] = {
    "customers": _plain(
        "customers",
        Customer,
        name=_text(_NAME),
        listed_name=_text("CASE company_name WHEN '' THEN last_name || ', ' || first_name ELSE company_name END"),
        birthday_month_day=_text("substr(birthday, 6, 5)"),
        flag_status=_number("flagStatus"),
    ),
    "documents": _plain(
        "documents",
        Document,
        customer_name=_of_customer(_NAME),
        customer_email=_of_customer("email"),
        customer_phone=_of_customer("phone"),
        customer_card_number=_of_customer("card_number"),
        unpaid=Column("(total - paid)", "bigint"),
        credited_in_full=_number("marks,creditedInFull"),
        due_date=_text(f"to_char(date::date + least({_number('paymentDays').sql}, 1000000)::int, 'YYYY-MM-DD')"),
        date_and_number=_text("date || lpad(number::text, 16, '0')"),
        invoice_state=_text(
            "coalesce(fields ->> 'invoiceState', CASE confirmed WHEN 1 THEN 'READY' ELSE 'PENDING' END)"
        ),
        any_number=_text("CASE custom_number WHEN '' THEN number::text ELSE custom_number END"),
    ),
    "users": _plain("users", User),
    "sessions": _plain("sessions", Session),
    "clients": _plain("clients", Client),
    "payments": _plain("payments", Payment),
    "gift_cards": _plain("gift_cards", GiftCard),
    "coupons": _plain("coupons", Coupon),
    "issued_coupons": _plain(
        "issued_coupons",
        IssuedCoupon,
        last_day=_text("CASE expiry_date WHEN '' THEN '9999-12-31' ELSE expiry_date END"),
    ),
    "products": _plain("products", Product, net_price=Column("price::numeric", "numeric")),
    "warehouses": _plain("warehouses", Master),
    "points_of_sale": _plain("points_of_sale", Master),
    "employees": _plain(
        "employees",
        Master,
        fields=_joined(
            "'userID', id, 'username', username, 'userGroupID', group_id, 'warehouses', rights -> 'warehouses'",
            "users WHERE employee_id = employees.id",
        ),
        birthday_month_day=_text("substr(fields ->> 'birthday', 6, 5)"),
        # The stores of the user's limit, or all of them, as a comma list.
        stores=_text(
            "trim(coalesce((SELECT rights ->> 'warehouses' FROM users WHERE employee_id = employees.id"
            " ORDER BY id LIMIT 1), (SELECT json_agg(id)::text FROM warehouses)), '[]')"
        ),
    ),
    "campaigns": _plain(
        "campaigns",
        Master,
        fields=_joined(
            "'requiredCouponID', id, 'requiredCouponCode', code", "coupons WHERE campaign_id = campaigns.id"
        ),
        last_day=_text("coalesce(nullif(nullif(fields ->> 'endDate', ''), '0000-00-00'), '9999-12-31')"),
    ),
    "vat_rates": _plain("vat_rates", VatRate),
    "earnings": _movement("lots", Lot),
    "redemptions": _movement("redemptions", Redemption),
}


class _Values(list[Any]):
    """What is bound to a query, in order."""

    def bind(self, value: Any, type_: str) -> str:
        """What stands for the value in the SQL."""
        self.append(value)
        return f"${len(self)}::{type_}"


async def run(connection: Connection, listing: Listing) -> Page:
    source = _SOURCES[listing.of]
    values = _Values()
    where = [_condition(source, condition, values) for condition in listing.conditions]
    tail = f" FROM {source.tables}" + (f" WHERE {' AND '.join(where)}" if where else "")
    order = ", ".join(_order(source.column(field), direction) for field, direction in listing.order)
    query = f"SELECT {source.columns}{tail} ORDER BY {order}"
    if listing.limit is None:
        rows = list(map(source.make, await connection.fetch(query, *values)))
        return Page(rows, len(rows))
    total: int = await connection.fetchval(f"SELECT count(*){tail}", *values)
    page = f" LIMIT {values.bind(listing.limit, 'bigint')} OFFSET {values.bind(listing.offset, 'bigint')}"
    return Page(list(map(source.make, await connection.fetch(query + page, *values))), total)


def _order(column: Column, direction: str) -> str:
    nulls = "NULLS FIRST" if direction == "asc" else "NULLS LAST"
    if column.type != "json":
        return f"{column.sql} {direction} {nulls}"
    # Nothing, then numbers, then text.
    text = column.of_type("text").sql
    parts = (f"({text} IS NOT NULL)", column.of_type("numeric").sql, text)
    return ", ".join(f"{part} {direction} {nulls}" for part in parts)


_WILDCARDS: Final = {"same": "{}", "prefix": "{}%", "contains": "%{}%"}


def _condition(source: Source, condition: Condition, values: _Values) -> str:
    value = condition.value
    match condition.operator:
        case "attribute":
            return _has_attribute(source.names["fields"].sql, condition.fields[0], value, values)
        case "rows_with":
            (name,) = condition.fields
            bound = values.bind(value, type_of(DocumentRow, name))
            return (
                f'EXISTS (SELECT FROM document_rows AS r WHERE r.document_id = documents.id AND r."{name}" = {bound})'
            )
        case "rows_with_field":
            name, comparison = condition.fields
            test = _compared(Column(f"(r.fields -> '{name}')", "json"), comparison, value, values)
            return f"EXISTS (SELECT FROM document_rows AS r WHERE r.document_id = documents.id AND {test})"
        case "outside":
            column = source.column(condition.fields[0]).of_type("text").sql
            until, since = (values.bind(each, "text") for each in value)
            return f"(({column} <= {until} AND {column} > '00-00') OR {column} >= {since})"
    return f"({' OR '.join(_test(source.column(field), condition, values) for field in condition.fields)})"


def _has_attribute(fields: str, name: str, value: str, values: _Values) -> str:
    if "\0" in name + value:
        return "false"
    attributes = f"({fields} -> 'attributes')"
    return (
        f"EXISTS (SELECT FROM json_array_elements(CASE json_typeof({attributes}) WHEN 'array' THEN {attributes}"
        f" ELSE '[]' END) AS each WHERE each ->> 'attributeName' = {values.bind(name, 'text')}"
        f" AND each ->> 'attributeValue' = {values.bind(value, 'text')})"
    )


def _test(column: Column, condition: Condition, values: _Values) -> str:
    value = condition.value
    match condition.operator:
        case "in":
            kind = "text" if value and isinstance(value[0], str) else "bigint"
            kind = kind if column.type == "json" else column.type
            sendable = [_as(kind, each) for each in value if "\0" not in str(each)]
            return f"{column.of_type(kind).sql} = ANY({values.bind(sendable, kind)}[])"
        case "same" | "prefix" | "contains":
            return _like(column, _WILDCARDS[condition.operator], value, values)
        case "lists":
            asked = values.bind([str(each) for each in value], "text[]")
            listed = f"',' || replace({column.as_text}, ' ', '') || ','"
            return f"EXISTS (SELECT FROM unnest({asked}) AS asked WHERE strpos({listed}, ',' || asked || ',') > 0)"
        case operator:
            return _compared(column, operator, value, values)


def _like(column: Column, wildcards: str, value: str, values: _Values) -> str:
    """Case is disregarded; in ASCII only where the value is ASCII, which an index can help with."""
    if "\0" in value:
        return "false"
    pattern = wildcards.format(re.sub(r"([\\%_])", r"\\\1", value.lower() if value.isascii() else value.casefold()))
    if value.isascii():
        return f"lower({column.as_text}) LIKE {values.bind(pattern, 'text')}"
    folded = f"replace(lower(upper(({column.as_text}) COLLATE \"und-x-icu\")), '\u03c2', '\u03c3')"  # Both are sigma.
    return f"{folded} LIKE {values.bind(pattern, 'text')}"


def _compared(column: Column, operator: str, value: Any, values: _Values) -> str:
    is_text = isinstance(value, str)
    column = column.of_type("text" if is_text else "numeric")
    if is_text and "\0" in value:
        return "true" if operator == "<>" else "false"
    if column.type == "text" and not is_text:
        value = str(value)
    bound = values.bind(_as(column.type, value), column.type)
    test = f"{column.sql} {operator} {bound}"
    if operator == "=" and value:
        # Said twice, so that it is seen that an index over the rows that have a value will do.
        nothing = "''" if column.type == "text" else "0"
        return f"({test} AND {column.sql} > {nothing})" if isinstance(value, str) or value > 0 else test
    return test


def _as(type_: str, value: Any) -> Any:
    return Decimal(str(value)) if type_ == "numeric" else value
