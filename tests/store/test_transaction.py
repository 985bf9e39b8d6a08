"""The contract of a transaction: what it keeps, what it sees, what it leaves behind."""

from functools import partial
from typing import Any

import pytest

from erply_points.ledger.records import Reversal
from erply_points.ledger.wallet import Wallet
from erply_points.store.configuration import (
    Adjustment,
    Award,
    Client,
    Currency,
    Enrolment,
    Identifier,
    Member,
    Program,
    Promotion,
    Reason,
    Token,
)
from erply_points.store.listing import Condition, Listing
from erply_points.store.protocol import Store
from erply_points.store.rows import (
    Customer,
    DocumentUUID,
    GiftCard,
    IssuedCoupon,
    KeptAnswer,
    LoginFailures,
    Paid,
    Product,
    Return,
    Session,
    User,
)
from erply_points.store.unit_of_work import BELONGINGS, NotLoaded, UnitOfWork
from store.samples import (
    ALL_CUSTOMERS,
    CURRENCY,
    OpenStores,
    change,
    coupon,
    customer,
    document,
    earned,
    gift_card,
    ids,
    issued_coupon,
    listed,
    look,
    lot,
    master,
    payment,
    product,
    put,
    redeemed,
    redemption,
    row,
    user,
    vat_rate,
    wallet_of,
    wallets,
)

# What is kept.

_HASH = bytes(range(32))
_ROWS: dict[str, tuple[Any, Any, Any]] = {
    # Table: key, row, the row after a change.
    "customers": (
        1,
        customer(1, company_name="Õun & Ko", card_number="0012", fields='{"notes": "\\u2028 \'\\""}'),
        customer(1, first_name="", reward_points_disabled=1, changed_at=2**53),
    ),
    "documents": (1, document(1, net=-1_000, vat=-200, rounding=1), document(1, number=100_001, confirmed=1, net=5)),
    "document_rows": (1, (row(1, 1), row(1, 2, amount="-0.001")), (row(1, 1, id=99),)),
    "kept_answers": (
        "key:k",
        KeptAnswer("key:k", _HASH, 100, "", "[]"),
        KeptAnswer("key:k", b"", 200, "key:other", ""),
    ),
    "document_uuids": ("u-1", DocumentUUID("u-1", 1, 100), DocumentUUID("u-1", 1, 200)),
    "vat_rates": (1, vat_rate(1), vat_rate(1, rate="22.5", active=0)),
    "users": (1, user(1), user(1, password_hash="other")),
    "sessions": (_HASH, Session(_HASH, 2, 100, 200), Session(_HASH, 2, 100, 300)),
    "login_failures": ("mari", LoginFailures("mari", 1, 0, 100), LoginFailures("mari", 5, 700, 100)),
    "products": (1, product(1), product(1, code="C", code2="D", price="0.001", reward_points_not_allowed=1)),
    "warehouses": (1, master(1), master(1, name="Other")),
    "points_of_sale": (1, master(1), master(1, name="Other")),
    "employees": (1, master(1), master(1, name="Other")),
    "campaigns": (1, master(1), master(1, name="Other")),
    "returns": (2, Return(2, 1, 0, "{}", "{}"), Return(2, 1, 1, '{"1": "2"}', '{"7": 5000}')),
    "payments": (1, payment(1), payment(1, sum=-1_000, fields='{"cardHolder": "M"}')),
    "gift_cards": (1, gift_card(1), gift_card(1, code="G", balance=0)),
    "coupons": (1, coupon(1), coupon(1, printing_cost=2**40)),
    "issued_coupons": (1, issued_coupon(1), issued_coupon(1, redeemed_at=200)),
    "programs": (97, Program(97, "Club"), Program(97, "Õ")),
    "currencies": (5, Currency(5, "coins", 3, 1, 0), Currency(5, "DocCoin", 0, 1, 0)),
    "promotions": (7, Promotion(7, "", 1), Promotion(7, "u-1", 1)),
    "reasons": ("7502", Reason("7502", ""), Reason("7502", "Goodwill")),
    "enrolments": ((1, 1), Enrolment(1, 1, 100), Enrolment(1, 1, 200)),
    "identifiers": (("email", "a@b.ee"), Identifier("email", "a@b.ee", 1), Identifier("email", "a@b.ee", 2)),
    "members": (1, Member(1, "{}"), Member(1, '{"city": "Tartu"}')),
    "awards": (
        1,
        Award(1),
        Award(1, "PROMISED", "Bonus", 7, "bill_regular", "fabric", "u-1", "7502", "Company_Club", "a1.k"),
    ),
    "adjustments": (
        2,
        Adjustment(2, "capillary"),
        Adjustment(2, "fabric", "REGULAR", "Base", 1, 7, "INSTORE", "u-1", "7502", "Company_Club", "a1.k"),
    ),
    "clients": ("a1.k", Client("a1.k", "till", _HASH, 100), Client("a1.k", "other", _HASH, 200)),
    "tokens": (_HASH, Token(_HASH, "a1.c", 100), Token(_HASH, "a1.c", 200)),
}
_OWNED = {
    *("document_rows", "sessions", "returns", "issued_coupons"),
    *("enrolments", "identifiers", "members", "awards", "adjustments", "tokens"),
}
"""Tables whose rows refer to others."""
_LOOKUPS: dict[str, tuple[str, Any, Any]] = {
    # Look-up: the table it leads to, a row of it with the key, one without.
    "card_numbers": ("card_number", customer(1, card_number="0012"), customer(2)),
    "usernames": ("username", user(1, username="0012"), user(2)),
    "pins": ("pin_hash", user(1, pin_hash="0012"), user(2)),
    "product_codes": ("code", product(1, code="0012"), product(2)),
    "product_codes2": ("code2", product(1, code2="0012"), product(2)),
    "gift_card_codes": ("code", gift_card(1, code="0012"), gift_card(2)),
    "currency_names": ("name", Currency(5, "0012", 0, 1, 0), Currency(6, "coins", 0, 1, 0)),
    "promotion_identifiers": ("identifier", Promotion(1, "0012", 1), Promotion(2, "", 1)),
    "coupon_identifiers": ("identifier", issued_coupon(1, identifier="0012"), issued_coupon(2)),
}


def _put(name: str, key: Any, row: Any, work: UnitOfWork) -> None:
    work.tables[name].put(key, row)


def _with_parents(work: UnitOfWork) -> None:
    """What other rows refer to."""
    for number in (1, 2):
        work.documents.put(work.new_id("documents"), document(number))
    work.users.put(2, user(2))
    work.coupons.put(1, coupon(1))
    for number in (1, 2):
        work.customers.put(work.new_id("customers"), customer(number))
        work.new_id("transactions")
    work.wallets.rows[1, CURRENCY] = None
    earned(work, lot(1, 1, 50))
    redeemed(work, redemption(2, 1, 20))
    work.clients.put("a1.c", Client("a1.c", "", _HASH, 100))


@pytest.mark.parametrize("name", _ROWS)
async def test_what_is_committed_is_there_after_reopening(name: str, store: Store, stores: OpenStores) -> None:
    """A committed row is found again by its key exactly as it was; changed, so; deleted, not at all."""
    key, before, after = _ROWS[name]
    if name in _OWNED:
        await change(store, _with_parents)
    for expected in (before, after, before):
        await change(store, partial(_put, name, key, expected), {name: {key}})
        store = await stores.reopen(store)
        assert (await look(store, {name: {key}})).tables[name].get(key) == expected
    await change(store, lambda work: work.tables[name].delete(key), {name: {key}})
    store = await stores.reopen(store)
    assert not (await look(store, {name: {key}})).tables[name].get(key)
    assert await store.check() == []


def test_every_table_is_tested_here() -> None:
    """A table added to the unit of work is tested for what it keeps, or for what it leads to."""
    ledger = {"wallets", "lots", "redemptions", "reversals", "sequences"}
    assert set(UnitOfWork().tables) == set(_ROWS) | ledger | set(_LOOKUPS) | BELONGINGS | {
        "document_numbers",
        "program_points",
    }


async def test_postings_are_kept_whole(store: Store, stores: OpenStores) -> None:
    """A wallet read again is the wallet that the ledger left: totals, open lots and debts."""
    kept: list[Wallet] = []

    def live(work: UnitOfWork) -> None:
        work.customers.put(1, customer(1))
        work.new_id("customers")
        for _ in range(6):
            work.new_id("transactions")
        redeemed(work, redemption(1, 1, 70))
        redeemed(work, redemption(2, 1, 30))
        earned(work, lot(3, 1, 50, expires_at=900))
        earned(work, lot(4, 1, 40, available_at=500, expires_at=800))
        earned(work, lot(5, 1, 10, available_at=600, description="Birthday"))
        kept.append(wallet_of(work, 1))

    await change(store, live, wallets(1))
    store = await stores.reopen(store)
    work = await look(store, wallets(1))
    assert wallet_of(work, 1) == kept[0]
    assert [debt.id for debt in kept[0].debts] == [1, 2]
    assert [one.id for one in kept[0].lots] == [4, 5]
    assert [work.lots.get(number) for number in (4, 5)] == list(kept[0].lots)
    assert [work.redemptions.get(number) for number in (1, 2)] == list(kept[0].debts)

    def go_on(work: UnitOfWork) -> None:
        earned(work, lot(6, 1, 100), at=850)

    await change(store, go_on, wallets(1))
    assert await store.check() == []
    work = await look(store, {"lots": {3, 4, 5, 6}, "redemptions": {1, 2}, **wallets(1)})
    assert wallet_of(work, 1).totals.balance == 50 + 40 + 10 + 100 - 100 - wallet_of(work, 1).totals.expired
    assert [work.redemptions.rows[number].unpaid for number in (1, 2)] == [0, 0]  # type: ignore[union-attr]  # it is there


async def test_rolled_back_means_gone(store: Store, stores: OpenStores) -> None:
    """Of a transaction that is rolled back nothing is left, flushed or not."""
    transaction = await store.begin({}, write=True)
    transaction.work.customers.put(1, customer(1))
    assert await ids(transaction, ALL_CUSTOMERS) == [1]
    transaction.work.customers.put(2, customer(2))
    await transaction.rollback()
    assert await listed(store, ALL_CUSTOMERS) == []
    store = await stores.reopen(store)
    assert await listed(store, ALL_CUSTOMERS) == []


async def test_rolling_back_twice_or_after_a_commit_does_no_harm(store: Store) -> None:
    """A transaction that has ended stays as it ended."""
    transaction = await store.begin({}, write=True)
    transaction.work.customers.put(1, customer(1))
    await transaction.commit()
    await transaction.rollback()
    await transaction.rollback()
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_a_store_closed_in_the_middle_keeps_nothing_of_it(store: Store, stores: OpenStores) -> None:
    """A transaction that never reached its commit leaves nothing when the store closes."""
    transaction = await store.begin({}, write=True)
    transaction.work.customers.put(1, customer(1))
    assert await ids(transaction, ALL_CUSTOMERS) == [1]
    store = await stores.reopen(store)
    assert await listed(store, ALL_CUSTOMERS) == []


async def test_after_a_commit_that_fails_nothing_is_there(store: Store) -> None:
    """A constraint that stops one row stops the whole transaction, and the store goes on."""

    def same_card_twice(work: UnitOfWork) -> None:
        work.vat_rates.put(1, vat_rate(1))
        work.customers.put(1, customer(1, card_number="X"))
        work.customers.put(2, customer(2, card_number="X"))

    with pytest.raises(Exception, match=r"(?i)unique"):
        await change(store, same_card_twice)
    assert await listed(store, ALL_CUSTOMERS) == []
    assert await listed(store, Listing("vat_rates")) == []
    await change(store, lambda work: work.customers.put(1, customer(1)))
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_a_card_can_change_hands_in_one_transaction(store: Store) -> None:
    """A card that one customer gives up can be given to another, new or known, in the same transaction."""
    cards = [(1, "X"), (2, ""), (3, "Y")]
    await put(store, "customers", [customer(number, card_number=card) for number, card in cards])
    known = {"customers": {1, 2, 3}}

    def to_a_new_one(work: UnitOfWork) -> None:
        work.customers.put(1, customer(1))
        work.customers.put(4, customer(4, card_number="X"))

    await change(store, to_a_new_one, known)

    def to_a_known_one(work: UnitOfWork) -> None:
        work.customers.put(2, customer(2, first_name="Kati"))
        work.customers.put(3, customer(3))
        work.customers.put(2, customer(2, first_name="Kati", card_number="Y"))

    await change(store, to_a_known_one, known)
    work = await look(store, {"card_numbers": {"X", "Y"}, **known})
    assert [work.card_numbers.rows[card].id for card in ("X", "Y")] == [4, 2]  # type: ignore[union-attr]  # it is there
    assert [work.customers.rows[number].card_number for number in (1, 2, 3)] == ["", "Y", ""]  # type: ignore[union-attr]  # it is there


async def test_rows_of_a_document_are_replaced_together(store: Store) -> None:
    """Saving a document's rows leaves exactly those, in the order of their positions."""

    def first(work: UnitOfWork) -> None:
        work.documents.put(1, document(1))
        work.document_rows.put(1, tuple(row(1, position) for position in (1, 2, 3)))
        work.documents.put(2, document(2))
        work.document_rows.put(2, (row(2, 1),))

    await change(store, first)
    await change(store, lambda work: work.document_rows.put(1, (row(1, 1, id=7),)), {"document_rows": {1}})
    work = await look(store, {"document_rows": {1, 2}})
    assert work.document_rows.get(1) == (row(1, 1, id=7),)
    assert work.document_rows.get(2) == (row(2, 1),)
    await change(store, lambda work: work.document_rows.put(1, ()), {"document_rows": {1}})
    assert not (await look(store, {"document_rows": {1}})).document_rows.get(1)


async def test_a_document_and_what_refers_to_it_can_go_together(store: Store) -> None:
    """Rows that refer to each other are deleted in one transaction, whatever the order of the calls."""

    def make(work: UnitOfWork) -> None:
        work.documents.put(1, document(1))
        work.document_rows.put(1, (row(1, 1),))
        work.document_uuids.put("u", DocumentUUID("u", 1, 100))

    await change(store, make)

    def unmake(work: UnitOfWork) -> None:
        work.documents.delete(1)
        work.document_uuids.delete("u")
        work.document_rows.delete(1)

    await change(store, unmake, {"documents": {1}, "document_rows": {1}, "document_uuids": {"u"}})
    assert await listed(store, Listing("documents")) == []
    assert await store.check() == []


async def test_a_deleted_row_can_be_made_anew(store: Store) -> None:
    """Deleting a row and putting another in its place in one transaction leaves the other."""
    await change(store, lambda work: work.customers.put(1, customer(1)))

    def replace(work: UnitOfWork) -> None:
        work.customers.delete(1)
        work.customers.put(1, customer(1, first_name="Anew"))

    await change(store, replace, {"customers": {1}})
    assert (await look(store, {"customers": {1}})).customers.get(1) == customer(1, first_name="Anew")


async def test_a_row_that_was_never_there_can_be_deleted_and_then_made(store: Store) -> None:
    """Deleting what does not exist is no change, so what is put afterwards is kept."""

    def replace(work: UnitOfWork) -> None:
        work.customers.delete(1)
        work.customers.put(1, customer(1))

    await change(store, replace, {"customers": {1}})
    assert await listed(store, ALL_CUSTOMERS) == [1]


# What is seen.


async def test_a_transaction_sees_its_own_changes_in_listings(store: Store) -> None:
    """A listing finds what the transaction has created, changed and deleted so far, and nothing twice."""
    await put(store, "customers", map(customer, (1, 2, 3)))
    transaction = await store.begin({"customers": {1, 2, 3}}, write=True)
    work = transaction.work
    work.customers.put(4, customer(4))
    work.customers.put(1, customer(1, first_name="Changed"))
    work.customers.delete(2)
    assert await ids(transaction, ALL_CUSTOMERS) == [1, 3, 4]
    changed = Listing("customers", (Condition(("first_name",), "=", "Changed"),))
    assert await ids(transaction, changed) == [1]
    work.customers.put(3, customer(3, first_name="Changed"))
    work.customers.delete(4)
    assert await ids(transaction, changed) == [1, 3]
    assert await ids(transaction, ALL_CUSTOMERS) == [1, 3]
    await transaction.commit()
    assert await listed(store, ALL_CUSTOMERS) == [1, 3]


async def test_readers_see_only_what_is_committed(store: Store) -> None:
    """What a writer has written and not committed is invisible to readers, who do not wait for it."""
    await change(store, lambda work: work.customers.put(1, customer(1)))
    writer = await store.begin({"customers": {1}}, write=True)
    writer.work.customers.put(1, customer(1, first_name="Changed"))
    writer.work.customers.put(2, customer(2))
    assert await ids(writer, ALL_CUSTOMERS) == [1, 2]
    work = await look(store, {"customers": {1, 2}})
    assert (work.customers.get(1), work.customers.get(2)) == (customer(1), None)
    assert await listed(store, ALL_CUSTOMERS) == [1]
    await writer.commit()
    assert await listed(store, ALL_CUSTOMERS) == [1, 2]


async def test_a_readers_view_stays_as_it_began(store: Store) -> None:
    """A reader sees the account of its beginning, in loads and in listings, while writers commit."""
    await change(store, lambda work: work.customers.put(1, customer(1)))
    reader = await store.begin({}, write=False)
    await change(store, lambda work: work.customers.put(2, customer(2)))
    await change(store, lambda work: work.customers.put(1, customer(1, first_name="Changed")), {"customers": {1}})
    await reader.load({"customers": {1, 2}})
    assert (reader.work.customers.get(1), reader.work.customers.get(2)) == (customer(1), None)
    assert await ids(reader, ALL_CUSTOMERS) == [1]
    await reader.rollback()
    assert await listed(store, ALL_CUSTOMERS) == [1, 2]


async def test_a_row_that_was_not_read_is_no_row_that_is_missing(store: Store) -> None:
    """Asking for a row that was not read raises NotLoaded with its table and key; read, an absent row is None."""
    await change(store, lambda work: work.customers.put(1, customer(1)))
    transaction = await store.begin({"customers": {1}}, write=False)
    with pytest.raises(NotLoaded) as missing:
        transaction.work.customers.get(2)
    assert missing.value == NotLoaded("customers", 2)
    await transaction.load({missing.value.table: {missing.value.key}})
    assert transaction.work.customers.get(2) is None
    assert transaction.work.customers.get(1) == customer(1)
    await transaction.rollback()


async def test_loading_leaves_rows_that_were_read_as_they_are(store: Store) -> None:
    """A later load does not overwrite what the transaction has changed and not yet written."""

    def make(work: UnitOfWork) -> None:
        work.customers.put(1, customer(1))
        earned(work, lot(1, 1, 50))

    await change(store, make, wallets(1))
    transaction = await store.begin({"customers": {1}, "lots": {1}}, write=True)
    work = transaction.work
    changed = lot(1, 1, 50, remaining=20, redeemed=30)
    work.customers.put(1, customer(1, first_name="Changed"))
    work.lots.put(1, changed)
    await transaction.load({"customers": {1, 2}, **wallets(1)})
    assert work.customers.get(1) == customer(1, first_name="Changed")
    assert work.customers.get(2) is None
    assert work.lots.get(1) == changed
    await transaction.rollback()


_TABLES = {
    Customer: "customers",
    User: "users",
    Product: "products",
    GiftCard: "gift_cards",
    IssuedCoupon: "issued_coupons",
    Currency: "currencies",
    Promotion: "promotions",
}


@pytest.mark.parametrize("lookup", _LOOKUPS)
async def test_rows_are_found_by_their_other_keys(lookup: str, store: Store) -> None:
    """A card, a code or a user name leads to its row, letter for letter, and an empty one leads nowhere."""
    column, named, blank = _LOOKUPS[lookup]
    await put(store, "coupons", [coupon(1)])
    await put(store, _TABLES[type(named)], [named, blank])
    assert getattr(named, column) == "0012"
    work = await look(store, {lookup: {"0012", "12", "012 ", ""}})
    assert work.tables[lookup].rows == {"0012": named, "12": None, "012 ": None, "": None}


async def test_documents_are_found_by_type_and_number(store: Store) -> None:
    """A number leads to the document of its type; documents without a number are not found by any."""
    made = [
        document(4, number=100_001),
        document(5, number=100_001, type="CREDITINVOICE"),
        document(6),
    ]
    await put(store, "documents", made)
    numbers = {("CASHINVOICE", 100_001), ("CREDITINVOICE", 100_001), ("INVOICE", 100_001), ("CASHINVOICE", 0)}
    found = (await look(store, {"document_numbers": numbers})).document_numbers.rows
    assert {key: row and row.id for key, row in found.items()} == {
        ("CASHINVOICE", 100_001): 4,
        ("CREDITINVOICE", 100_001): 5,
        ("INVOICE", 100_001): None,
        ("CASHINVOICE", 0): None,
    }


_OF_A_ROW = BELONGINGS - {
    "balances",
    "awards_of",
    "adjusted",
    "configurations",
    "identifiers_of",
    "enrolments_of",
    "wallets_of",
}


async def test_what_belongs_to_a_row_is_read_with_the_changes_so_far(store: Store) -> None:
    """Rows that belong to another come together, those of this transaction included; whoever has none has none."""

    def make(work: UnitOfWork) -> None:
        work.customers.put(1, customer(1))
        work.documents.put(1, document(1, customer_id=1))
        work.coupons.put(1, coupon(1))
        work.issued_coupons.put(1, issued_coupon(1))
        work.payments.put(1, payment(1, document_id=1))
        earned(work, lot(1, 1, 50, document_id=1))
        redeemed(work, redemption(2, 1, 20, document_id=1))

    await change(store, make, wallets(1))
    transaction = await store.begin(wallets(1), write=True)
    work = transaction.work
    work.documents.put(2, document(2, customer_id=1, credited_document_id=1))
    work.issued_coupons.put(2, issued_coupon(2))
    work.payments.put(2, payment(2, document_id=1))
    work.payments.put(3, payment(3))
    work.returns.put(2, Return(2, 1, 0, "{}", "{}"))
    earned(work, lot(3, 1, 10, document_id=1))
    redeemed(work, redemption(4, 1, 35, document_id=2))
    reversal = Reversal(5, 1, CURRENCY, 1, 5_000, 0, 5_000, 0, 100, 2)
    work.reversals.put(5, reversal)
    owners: dict[str, set[Any]] = {name: {0, 1, 2, 4, 99} for name in _OF_A_ROW}
    await transaction.load(owners)

    def found(name: str, owner: int) -> list[int]:
        return [getattr(row, "id", row[0]) for row in work.tables[name].get(owner) or ()]

    assert {name: {owner: found(name, owner) for owner in (1, 2) if found(name, owner)} for name in _OF_A_ROW} == {
        "credits_of": {1: [2]},
        "documents_of": {1: [1, 2]},
        "coupons_issued": {1: [1, 2]},
        "payments_of": {1: [1, 2]},
        "returns_of": {1: [2]},
        "lots_of": {1: [1, 3]},
        "redemptions_of": {1: [2], 2: [4]},
        "reversals_of": {1: [5]},
        "reversals_by": {2: [5]},
        "paid_for": {2: [2]},
        "paid_by": {1: [2, 4]},
    }
    assert work.paid_for.get(4) == (Paid(4, 1, 30), Paid(4, 3, 5))
    assert all(not work.tables[name].get(owner) for name in _OF_A_ROW for owner in (0, 99))
    await transaction.rollback()


@pytest.mark.parametrize("text", ["a'b", 'a"b', "a\\b", "õ", "Õ", "e\u0301", "\U0001f600", "%", " ", "0"])
async def test_any_text_is_a_key_of_its_own(text: str, store: Store) -> None:
    """A key is found under exactly its text, whatever characters it has, and what it looks like is not."""
    await change(store, lambda work: work.login_failures.put(text, LoginFailures(text, 1, 0, 100)))
    await change(store, lambda work: work.customers.put(1, customer(1, card_number=text)))
    others = {"a", "a'", "é", "o", "00", "_"}
    work = await look(store, {"login_failures": {text, *others}, "card_numbers": {text, *others}})
    assert work.login_failures.get(text) == LoginFailures(text, 1, 0, 100)
    assert work.card_numbers.get(text) == customer(1, card_number=text)
    assert [found for key, found in work.login_failures.rows.items() if key != text and found] == []


async def test_many_rows_are_read_at_once(store: Store) -> None:
    """Hundreds of customers and their wallets come with one load."""
    everybody = range(1, 501)

    def make(work: UnitOfWork) -> None:
        for number in everybody:
            work.customers.put(number, customer(number))
            if number % 2:
                earned(work, lot(number, number, number))

    await change(store, make, wallets(*everybody))
    work = await look(store, {"customers": set(everybody), **wallets(*everybody)})
    assert [row.id for row in work.customers.rows.values() if row is not None] == sorted(everybody)
    assert [wallet_of(work, number).totals.balance for number in everybody] == [
        number if number % 2 else 0 for number in everybody
    ]


@pytest.mark.parametrize("many", [1, 3, 4, 21, 63, 64, 150])
async def test_however_many_rows_change_each_is_kept(many: int, store: Store, stores: OpenStores) -> None:
    """Each of many rows that are made, changed, closed or rewritten in one transaction stands as it was left."""
    everybody = range(1, many + 1)
    numbers = {"customers": set(everybody), "lots": set(everybody), **wallets(*everybody)}

    def make(work: UnitOfWork) -> None:
        for number in everybody:
            assert work.new_id("customers") == work.new_id("transactions") == number
            work.customers.put(number, customer(number, card_number=f"{number}"))
            earned(work, lot(number, number, 10 * number))

    def change_all(work: UnitOfWork) -> None:
        for number in everybody:
            # Cards go round, half the lots are spent to the end, and the history of each customer grows.
            work.customers.put(number, customer(number, card_number=f"{number % many + 1}"))
            redeemed(work, redemption(work.new_id("transactions"), number, number * (10 if number % 2 else 3)))

    await change(store, make, numbers)
    await change(store, change_all, numbers)
    store = await stores.reopen(store)
    work = await look(store, {**numbers, "redemptions": {many + number for number in everybody}})
    for number in everybody:
        left = 0 if number % 2 else 7 * number
        kept = work.customers.get(number), work.lots.get(number), work.redemptions.get(many + number)
        assert kept[0] == customer(number, card_number=f"{number % many + 1}")
        assert kept[1] == lot(number, number, 10 * number)._replace(remaining=left, redeemed=10 * number - left)
        assert kept[2] == redemption(many + number, number, 10 * number - left)
        assert wallet_of(work, number).totals.balance == left
    assert await store.check() == []
