"""The contract of listings: conditions, order, pages and what they list."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erply_points.store.configuration import Client
from erply_points.store.listing import Condition, Listing, Operator
from erply_points.store.protocol import Store
from erply_points.store.rows import Movement
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import (
    ALL_CUSTOMERS,
    change,
    customer,
    document,
    earned,
    listed,
    lot,
    put,
    redeemed,
    redemption,
    row,
    user,
    vat_rate,
    wallets,
)


def _fields(attributes: dict[str, str] | None = None, **stored: Any) -> str:
    pairs = [{"attributeName": name, "attributeValue": value} for name, value in (attributes or {}).items()]
    return json.dumps(stored | ({"attributes": pairs} if pairs else {}))


CUSTOMERS = (
    customer(1, first_name="Mari", last_name="Maasikas", card_number="10", birthday="1990-01-05", added_at=100),
    customer(2, first_name="Jüri", last_name="Õunapuu", email="JURI@example.com", birthday="1985-06-30", added_at=200),
    customer(3, company_name="100% Mahl_AS", first_name="", last_name="", code="123", added_at=300),
    customer(
        4, first_name="mark", last_name="O'Neill\\", fields=_fields({"level": "gold", "x": "1"}, groupID=7, note="a")
    ),
    customer(5, first_name="", last_name="", birthday="1970-12-24", fields=_fields({"level": "silver", "y": "gold"})),
    customer(6, company_name="1000 Mahla", fields=_fields(groupID=8)),
)


@pytest.fixture
async def shop(store: Store) -> Store:
    await put(store, "customers", CUSTOMERS)
    return store


def where(*conditions: Condition, **listing: Any) -> Listing:
    return Listing("customers", conditions, **listing)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (Condition(("id",), "=", 3), [3]),
        (Condition(("id",), "=", 99), []),
        (Condition(("first_name",), "=", "Mari"), [1]),
        (Condition(("first_name",), "=", "mari"), []),
        (Condition(("last_name",), "=", "O'Neill\\"), [4]),
        (Condition(("company_name",), "=", ""), [1, 2, 4, 5]),
        (Condition(("reward_points_disabled",), "=", 0), [1, 2, 3, 4, 5, 6]),
        (Condition(("first_name", "last_name"), "=", "Maasikas"), [1]),
        (Condition(("company_name",), "<>", ""), [3, 6]),
        (Condition(("id",), "<>", 3), [1, 2, 4, 5, 6]),
        (Condition(("id",), "in", [5, 1, 99]), [1, 5]),
        (Condition(("id",), "in", []), []),
        (Condition(("first_name",), "in", ["Mari", "mark", "O'"]), [1, 4]),
        (Condition(("added_at",), "<=", 200), [1, 2, 4, 5, 6]),
        (Condition(("added_at",), "<=", 199), [1, 4, 5, 6]),
        (Condition(("added_at",), ">=", 200), [2, 3]),
        (Condition(("added_at",), ">", 200), [3]),
        (Condition(("birthday_month_day",), ">=", "06-30"), [2, 5]),
        (Condition(("birthday_month_day",), "outside", ("01-05", "12-24")), [1, 5]),
        (Condition(("birthday_month_day",), "outside", ("01-04", "12-25")), []),
        (Condition(("first_name",), "same", "MARI"), [1]),
        (Condition(("first_name",), "same", "mar_"), []),
        (Condition(("last_name",), "same", "õUNAPUU"), [2]),
        (Condition(("first_name",), "prefix", "mar"), [1, 4]),
        (Condition(("first_name",), "prefix", "ari"), []),
        (Condition(("email",), "prefix", "juri@"), [2]),
        (Condition(("last_name",), "contains", "AASI"), [1]),
        (Condition(("first_name", "last_name"), "contains", "ar"), [1, 4]),
        (Condition(("last_name",), "prefix", "õunap"), [2]),
        (Condition(("first_name",), "contains", "Ü"), [2]),
        (Condition(("company_name",), "prefix", "100%"), [3]),
        (Condition(("company_name",), "contains", "l_A"), [3]),
        (Condition(("company_name",), "contains", "%"), [3]),
        (Condition(("last_name",), "contains", "\\"), [4]),
        (Condition(("last_name",), "contains", "'"), [4]),
        (Condition(("name",), "=", "Mari Maasikas"), [1]),
        (Condition(("name",), "prefix", "1000 M"), [6]),
        (Condition(("listed_name",), "prefix", "maasikas, M"), [1]),
        (Condition(("level",), "attribute", "gold"), [4]),
        (Condition(("level",), "attribute", "Gold"), []),
        (Condition(("y",), "attribute", "gold"), [5]),
        (Condition(("none",), "attribute", "gold"), []),
        (Condition(("fields.groupID",), "=", 7), [4]),
        (Condition(("fields.groupID",), "in", [7, 8]), [4, 6]),
        (Condition(("fields.note",), "prefix", "A"), [4]),
    ],
    ids=lambda value: f"{value.fields} {value.operator} {value.value!r}" if isinstance(value, Condition) else "",
)
async def test_a_condition_finds_what_it_says(condition: Condition, found: list[int], shop: Store) -> None:
    """Each comparison finds exactly the rows that fit; text is taken as it is, never as a pattern."""
    assert await listed(shop, where(condition)) == found


async def test_all_conditions_must_hold(shop: Store) -> None:
    """Several conditions narrow a listing down."""
    named = Condition(("first_name",), "prefix", "mar")
    assert await listed(shop, where(named, Condition(("birthday",), "<>", ""))) == [1]
    assert await listed(shop, where(named, Condition(("id",), ">", 1))) == [4]
    assert await listed(shop, where(named, Condition(("id",), "=", 2))) == []


async def test_a_field_that_nobody_knows_fails_loudly(shop: Store) -> None:
    """A field name that the store does not know is a mistake of ours, never a silent listing of everything."""
    transaction = await shop.begin({}, write=False)
    with pytest.raises(KeyError):
        await transaction.list(where(Condition(("password",), "=", 1)))
    with pytest.raises(KeyError):
        await transaction.list(where(Condition(("id); DROP TABLE customers; --",), "=", 1)))
    with pytest.raises(KeyError):
        await transaction.list(where(order=(("password", "asc"),)))
    await transaction.rollback()
    assert await listed(shop, ALL_CUSTOMERS) == [1, 2, 3, 4, 5, 6]


async def test_order(shop: Store) -> None:
    """Rows come in the order asked for, equal ones in the order asked for next."""
    assert await listed(shop, where(order=(("added_at", "desc"), ("id", "asc")))) == [3, 2, 1, 4, 5, 6]
    assert await listed(shop, where(order=(("added_at", "asc"), ("id", "desc")))) == [6, 5, 4, 1, 2, 3]
    assert await listed(shop, where(order=(("fields.groupID", "desc"), ("id", "desc")))) == [6, 4, 5, 3, 2, 1]


@pytest.mark.parametrize(
    ("limit", "offset", "found"),
    [(2, 0, [1, 2]), (2, 2, [3, 4]), (4, 4, [5, 6]), (2, 6, []), (2, 2**53, []), (100, 0, [1, 2, 3, 4, 5, 6])],
)
async def test_a_page_tells_how_many_there_are_in_all(limit: int, offset: int, found: list[int], shop: Store) -> None:
    """A page holds its part of the order and the number of all matches, past the end too."""
    transaction = await shop.begin({}, write=False)
    page = await transaction.list(where(limit=limit, offset=offset))
    everything = await transaction.list(where())
    await transaction.rollback()
    assert ([one.id for one in page.rows], page.total) == (found, 6)
    assert (everything.rows, everything.total) == (list(CUSTOMERS), 6)


async def test_documents_by_what_they_hold(store: Store) -> None:
    """Documents are found by their rows, by fields of rows, by numbers, sums and by their customer."""

    def make(work: UnitOfWork) -> None:
        work.customers.put(1, customer(1, first_name="Mari", last_name="Maasikas", email="m@e.ee", card_number="77"))
        made = [
            document(
                1, customer_id=1, number=100_001, confirmed=1, net=500, date="2026-01-30", fields='{"paymentDays": 3}'
            ),
            document(2, custom_number="A-1", net=-500, date="2026-02-01"),
            document(3, net=-700, paid=-700, fields='{"invoiceState": "SHIPPED"}'),
        ]
        for one in made:
            work.documents.put(one.id, one)
        work.document_rows.put(1, (row(1, 1, product_id=5, net=500), row(1, 2, fields='{"packageID": 9}')))
        work.document_rows.put(2, (row(2, 1, product_id=6, net=-500),))
        work.document_rows.put(3, (row(3, 1, product_id=5, net=-700, fields='{"packageID": 8}'),))

    await change(store, make)
    for condition, found in [
        (Condition(("product_id",), "rows_with", 5), [1, 3]),
        (Condition(("product_id",), "rows_with", 7), []),
        (Condition(("packageID", "="), "rows_with_field", 9), [1]),
        (Condition(("packageID", ">"), "rows_with_field", 0), [1, 3]),
        (Condition(("net",), "=", -500), [2]),
        (Condition(("net",), "<=", -500), [2, 3]),
        (Condition(("unpaid",), ">", 0), [1]),
        (Condition(("number",), "=", 100_001), [1]),
        (Condition(("any_number",), "=", "A-1"), [2]),
        (Condition(("any_number",), "=", "100001"), [1]),
        (Condition(("due_date",), "=", "2026-02-02"), [1]),
        (Condition(("invoice_state",), "=", "READY"), [1]),
        (Condition(("invoice_state",), "in", ["PENDING", "SHIPPED"]), [2, 3]),
        (Condition(("customer_name",), "contains", "i m"), [1]),
        (Condition(("customer_email", "customer_phone"), "=", "m@e.ee"), [1]),
        (Condition(("customer_card_number",), "=", "77"), [1]),
    ]:
        assert await listed(store, Listing("documents", (condition,))) == found, condition
    dated = Listing("documents", order=(("date_and_number", "desc"),))
    assert await listed(store, dated) == [2, 1, 3]


async def test_histories_name_what_they_refer_to(store: Store) -> None:
    """Earnings and redemptions come with the customer's card and the document's number, if there is one."""
    first, second, spent = (
        lot(1, 1, 50, document_id=3, created_at=90),
        lot(2, 2, 70),
        redemption(4, 1, 20, document_id=99),
    )

    def make(work: UnitOfWork) -> None:
        work.customers.put(1, customer(1, card_number="77"))
        work.customers.put(2, customer(2))
        work.documents.put(3, document(3, number=100_001, custom_number="A-1"))
        earned(work, first)
        earned(work, second)
        redeemed(work, spent)

    await change(store, make, wallets(1, 2))
    transaction = await store.begin({}, write=False)
    earnings = await transaction.list(Listing("earnings"))
    redemptions = await transaction.list(Listing("redemptions"))
    mine = await transaction.list(Listing("earnings", (Condition(("customer_id",), "=", 2),)))
    early = await transaction.list(Listing("earnings", (Condition(("created_at",), "<=", 90),), limit=1))
    await transaction.rollback()
    assert earnings.rows == [
        Movement(first._replace(remaining=30, redeemed=20), "77", 100_001, "A-1", 0),
        Movement(second, "", 0, "", 0),
    ]
    assert redemptions.rows == [Movement(spent, "77", 0, "", 0)]
    assert [one.record.id for one in mine.rows] == [2]
    assert ([one.record.id for one in early.rows], early.total) == ([1], 1)


def _put_client(client: Client, work: UnitOfWork) -> None:
    work.clients.put(client.key, client)


async def test_small_tables_are_listed(store: Store) -> None:
    """Small tables list whole rows too."""
    rates, users = [vat_rate(1), vat_rate(2, active=0)], [user(1), user(2, username="mari")]
    await put(store, "vat_rates", rates)
    await put(store, "users", users)
    callers = [Client(key, "Till", bytes(32), 1) for key in ("a.1", "a.2")]
    for each in callers:
        await change(store, partial(_put_client, each))
    transaction = await store.begin({}, write=False)
    assert (await transaction.list(Listing("vat_rates"))).rows == rates
    assert (await transaction.list(Listing("vat_rates", (Condition(("active",), "=", 0),)))).rows == [rates[1]]
    assert (await transaction.list(Listing("users", (Condition(("username",), "=", "mari"),)))).rows == [users[1]]
    assert (await transaction.list(Listing("clients", order=(("key", "desc"),)))).rows == callers[::-1]
    await transaction.rollback()


_TEXT = st.text(st.sampled_from("aA%_\\'\"bõ"), max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(_TEXT, min_size=1, max_size=6), sought=_TEXT)
async def test_any_text_is_sought_as_it_is(names: list[str], sought: str, store: Store) -> None:
    """Prefixes and parts are compared letter for letter, whatever a pattern would make of the text."""
    await store.clear()
    numbered = list(enumerate(names, start=1))
    await put(store, "customers", [customer(number, code=name) for number, name in numbered])
    operators: tuple[tuple[Operator, Callable[[str], bool]], ...] = (
        ("prefix", lambda name: name.lower().startswith(sought.lower())),
        ("contains", lambda name: sought.lower() in name.lower()),
        ("=", lambda name: name == sought),
        ("<>", lambda name: name != sought),
    )
    for operator, fits in operators:
        found = await listed(store, where(Condition(("code",), operator, sought)))
        assert found == [number for number, name in numbered if fits(name)], operator
