"""The contract of what other dialects need: what belongs to a wallet or a customer, and what is configured and used."""

from typing import Any

from erply_points.store.configuration import (
    Adjusted,
    AdjustedQuery,
    Adjustment,
    Award,
    Currency,
    CurrencyUse,
    Enrolment,
    Identifier,
    Program,
    Promotion,
    Reason,
)
from erply_points.store.protocol import Store
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import CURRENCY, OpenStores, change, customer, earned, look, lot, redeemed, redemption, wallets

POINTS = Currency(1, "points", 0, 1, 1)


def _live(work: UnitOfWork) -> None:
    """A customer with a plain lot, two awards and a deduction."""
    work.customers.put(1, customer(1))
    earned(work, lot(1, 1, 50))
    for award in (Award(2, promotion_id=7), Award(3, point_type="Bonus", dialect="fabric")):
        earned(work, lot(award.lot_id, 1, 10, created_at=award.lot_id * 100))
        work.awards.put(award.lot_id, award)
    redeemed(work, redemption(4, 1, 20, created_at=500))
    work.adjustments.put(4, Adjustment(4, "fabric"))
    redeemed(work, redemption(5, 1, 3, created_at=500))


async def test_the_awards_of_a_wallet_are_those_of_its_open_lots(store: Store) -> None:
    """Awards come with what the transaction has changed so far; a lot that is spent has none to show any more."""
    await change(store, _live, wallets(1))
    transaction = await store.begin({**wallets(1), "awards_of": {(1, CURRENCY), (2, CURRENCY)}}, write=True)
    work = transaction.work
    assert work.awards_of.get((1, CURRENCY)) == (
        Award(2, promotion_id=7),
        Award(3, point_type="Bonus", dialect="fabric"),
    )
    assert work.awards_of.get((2, CURRENCY)) == ()
    redeemed(work, redemption(6, 1, 47, created_at=600))
    earned(work, lot(7, 1, 9))
    work.awards.put(7, Award(7, "PROMISED"))
    await transaction.load({"awards_of": {(1, CURRENCY)}})
    assert [award.lot_id for award in work.awards_of.get((1, CURRENCY)) or ()] == [7]
    await transaction.rollback()


async def test_adjustments_are_added_up(store: Store) -> None:
    """All deductions of a wallet, and what fabric has adjusted since a moment, both ways added up."""
    await change(store, _live, wallets(1))
    asked = {since: AdjustedQuery(1, CURRENCY, since) for since in (0, 301, 501)}
    work = await look(store, {"adjusted": set(asked.values())})
    assert [work.adjusted.get(asked[since]) for since in (0, 301, 501)] == [
        Adjusted(20, 30),
        Adjusted(20, 20),
        Adjusted(20, 0),
    ]
    transaction = await store.begin({**wallets(1), "adjusted": {asked[0]}}, write=True)
    redeemed(transaction.work, redemption(6, 1, 1, created_at=600))
    transaction.work.adjustments.put(6, Adjustment(6, "capillary"))
    await transaction.load({"adjusted": {asked[0]}})
    assert transaction.work.adjusted.get(asked[0]) == Adjusted(21, 30)
    await transaction.rollback()


async def test_what_belongs_to_a_customer(store: Store, stores: OpenStores) -> None:
    """A customer's identifiers, programs and wallets; an identifier can pass on while its customer goes."""

    def make(work: UnitOfWork) -> None:
        work.programs.put(97, Program(97, "Club"))
        work.currencies.put(2, Currency(2, "points 97", 0, 97, 1))
        for number in (1, 2):
            work.customers.put(work.new_id("customers"), customer(number))
            for kind in ("mobile", "email"):
                work.identifiers.put((kind, f"{number}"), Identifier(kind, f"{number}", number))
        work.enrolments.put((1, 97), Enrolment(1, 97, 100))
        earned(work, lot(work.new_id("transactions"), 2, 50))

    await change(store, make, wallets(1, 2))
    store = await stores.reopen(store)
    needs = {name: {1, 2, 3} for name in ("identifiers_of", "enrolments_of", "wallets_of")}
    work = await look(store, needs)
    assert work.identifiers_of.get(1) == (Identifier("email", "1", 1), Identifier("mobile", "1", 1))
    assert work.enrolments_of.get(1) == (Enrolment(1, 97, 100),)
    assert [totals.balance for totals in work.wallets_of.get(2) or ()] == [50]
    assert not any(work.tables[name].get(3) for name in needs)

    def unmake(work: UnitOfWork) -> None:
        work.customers.delete(1)
        work.enrolments.delete((1, 97))
        for kind in ("mobile", "email"):
            work.identifiers.delete((kind, "1"))
        work.identifiers.put(("email", "1"), Identifier("email", "1", 2))

    mine: dict[str, set[Any]] = {
        "identifiers": {("email", "1"), ("mobile", "1")},
        "enrolments": {(1, 97)},
        "customers": {1},
    }
    await change(store, unmake, mine)
    work = await look(store, {**needs, **mine})
    assert (work.identifiers.get(("mobile", "1")), work.enrolments_of.get(1)) == (None, None)
    assert work.identifiers.get(("email", "1")) == Identifier("email", "1", 2)
    assert await store.check() == []


async def test_a_new_account_has_one_program(store: Store) -> None:
    """Program 1, whose points are currency 1, without decimals; nobody has any."""
    work = await look(store, {"configurations": {0}, "program_points": {1, 2}, "currencies": {1}})
    found = work.configurations.get(0)
    assert found is not None
    assert found._asdict() == {
        "programs": (Program(1, "points"),),
        "currencies": (POINTS,),
        "promotions": (),
        "reasons": (),
        "currencies_used": (),
        "promotions_used": frozenset(),
    }
    assert (work.program_points.get(1), work.program_points.get(2)) == (POINTS, None)
    assert work.currencies.get(1) == POINTS


async def test_a_configuration_knows_what_is_used(store: Store) -> None:
    """How many customers have a currency, with how many decimals, and which promotions have given points."""

    def make(work: UnitOfWork) -> None:
        _live(work)
        work.promotions.put(7, Promotion(7, "u-7", 1))
        work.reasons.put("7502", Reason("7502", "Goodwill"))
        work.customers.put(2, customer(2))
        earned(work, lot(8, 2, 1_200))

    await change(store, make, wallets(1, 2))
    found = (await look(store, {"configurations": {0}})).configurations.get(0)
    assert found is not None
    assert found.currencies_used == (CurrencyUse(1, 2, 3),)
    assert found.promotions_used == {0, 7}
    assert (found.promotions, found.reasons) == ((Promotion(7, "u-7", 1),), (Reason("7502", "Goodwill"),))


async def test_settings_are_changed_with_the_rest(store: Store) -> None:
    """Settings that a transaction changes are there with its commit, and not at all without."""
    for commit in (False, True):
        transaction = await store.begin({}, write=True)
        await transaction.set_settings({"name": "Corner shop"})
        await (transaction.commit() if commit else transaction.rollback())
        reader = await store.begin({}, write=False)
        assert reader.settings.get("name") == ("Corner shop" if commit else None)
        await reader.rollback()
