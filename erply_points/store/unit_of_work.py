"""The unit of work: the rows a transaction has read, and what its calls have made of them.

Handlers read and change rows here, in memory and synchronously. A row that was not read beforehand raises
`NotLoaded`; the dispatcher then undoes the sub-request, reads the row and runs the sub-request again, so planning
what to read ahead is a matter of speed and never of correctness.

Every change is remembered, so that a failed sub-request can be undone exactly (`mark`, `undo`), even after its
changes were flushed to the database.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Generic, TypeVar

from erply_points.ledger.records import Allocation, Entry, Lot, Redemption, Reversal, Totals
from erply_points.ledger.wallet import Posting, Wallet
from erply_points.store.configuration import (
    Adjusted,
    AdjustedQuery,
    Adjustment,
    Award,
    Client,
    Configuration,
    Currency,
    Enrolment,
    Identifier,
    Member,
    Program,
    Promotion,
    Reason,
    Token,
)
from erply_points.store.rows import (
    Balance,
    BalanceQuery,
    Correction,
    Coupon,
    Customer,
    Document,
    DocumentRow,
    DocumentUUID,
    GiftCard,
    IssuedCoupon,
    KeptAnswer,
    LoginFailures,
    Master,
    Paid,
    Payment,
    Product,
    Return,
    Session,
    User,
    VatRate,
)

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")

Needs = Mapping[str, set[Any]]
"""Which rows to read: table name to keys."""

WalletKey = tuple[int, int]
"""Customer and currency."""


class Change(Enum):
    CREATED = auto()
    CHANGED = auto()
    REWRITTEN = auto()
    """Changed in more than the columns that change all the time."""
    DELETED = auto()


@dataclass
class NotLoaded(Exception):
    table: str
    key: Any


# Looked up once: a member of an Enum is dear to ask for, and every change of a row asks.
_CREATED: Final = Change.CREATED
_CHANGED: Final = Change.CHANGED
_REWRITTEN: Final = Change.REWRITTEN
_DELETED: Final = Change.DELETED

BELONGINGS: Final = frozenset(
    {
        *("returns_of", "payments_of", "lots_of", "redemptions_of", "reversals_by", "reversals_of"),
        *("paid_for", "paid_by", "credits_of", "documents_of", "coupons_issued", "balances"),
        *("awards_of", "adjusted", "identifiers_of", "enrolments_of", "wallets_of", "configurations"),
    }
)
"""Tables of rows that belong to another: which they are, not how they stand. They are never written; a change of what
belongs where drops them, to be read again when next asked for."""


UndoLog = list[tuple[str, Any, Any, Change | None]]
"""Table, key, the row before and its change before."""


_TO_RESTORE: Final = {
    (True, True): Change.DELETED,
    (True, False): Change.REWRITTEN,
    (False, False): Change.CREATED,
    (False, True): None,
}
"""By whether the row stands in the database, and whether it is to be absent: what the next flush must do."""

_UNREAD: Final[Any] = object()
"""In place of a row before, where the row had not been read: a new one, most likely."""


class Table(Generic[K, R]):
    """The loaded rows of one table, None standing for a row that does not exist, and their changes."""

    __slots__ = ("_rewritten", "_undo_log", "changes", "name", "rows")

    def __init__(self, name: str, undo_log: UndoLog, rewritten: Callable[[R, R], bool] | None = None) -> None:
        self.name = name
        self._rewritten = rewritten
        self.rows: dict[K, R | None] = {}
        self.changes: dict[K, Change] = {}
        self._undo_log = undo_log

    def get(self, key: K) -> R | None:
        try:
            return self.rows[key]
        except KeyError:
            raise NotLoaded(self.name, key) from None

    def put(self, key: K, row: R) -> None:
        """Create the row, or replace it if it is there."""
        rows = self.rows
        changes = self.changes
        before = rows.get(key, _UNREAD)
        change = changes.get(key)
        self._undo_log.append((self.name, key, before, change))
        rows[key] = row
        if before is None or before is _UNREAD:
            # Deleted and made again within a transaction, it still stands in the database.
            changes[key] = _REWRITTEN if change is _DELETED else _CREATED
        elif change is not _CREATED and change is not _REWRITTEN:
            rewritten = self._rewritten
            changes[key] = _REWRITTEN if rewritten is not None and rewritten(before, row) else _CHANGED

    def delete(self, key: K) -> None:
        """Delete the row if it is there. Raises NotLoaded."""
        before = self.get(key)
        if before is None:
            return
        change = self.changes.get(key)
        self._undo_log.append((self.name, key, before, change))
        self.rows[key] = None
        if change is Change.CREATED:
            del self.changes[key]
        else:
            self.changes[key] = Change.DELETED

    def restore(self, key: K, before: Any, change: Change | None, *, flushed: bool) -> None:
        """Undo one change; if it was `flushed`, the next flush writes the row before back."""
        if key not in self.rows:
            return  # A look-up that was forgotten since: it is read again when next asked for.
        pending = self.changes.get(key)
        stands = self.rows[key] is not None if pending is None else pending is not Change.CREATED
        absent = before is None or before is _UNREAD
        if before is _UNREAD and not flushed:
            del self.rows[key]
        else:
            self.rows[key] = None if absent else before
        if flushed:
            # What the database holds is what was flushed last, whatever is undone since.
            change = _TO_RESTORE[stands, absent]
        if change is None:
            self.changes.pop(key, None)
        else:
            self.changes[key] = change


class Journal(Generic[R]):
    """The rows added to one table whose rows are only ever added, oldest first."""

    __slots__ = ("flushed_to", "name", "rows", "undone")

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[R] = []
        self.flushed_to = 0
        """How many of them stand in the database."""
        self.undone: list[R] = []
        """What stands there besides and must be deleted."""

    @property
    def changed(self) -> bool:
        return len(self.rows) > self.flushed_to or bool(self.undone)

    def flushed(self) -> None:
        self.flushed_to = len(self.rows)
        self.undone.clear()

    def undo(self, length: int) -> None:
        """Take back all but the first `length` rows."""
        if length < self.flushed_to:
            self.undone += self.rows[length : self.flushed_to]
            self.flushed_to = length
        del self.rows[length:]


FORESEEN_IDS: Final = range(9_007_000_000_000_000, 9_007_000_001_000_000)
"""IDs of records that are never kept. They can be sent as IDs, and no account counts so far."""

Mark = tuple[int, ...]
"""A state that can be returned to."""


class UnitOfWork:
    """All tables of one account as one transaction sees them."""

    def __init__(self) -> None:  # noqa: PLR0915 - a line for each table
        self._undo_log: UndoLog = []
        self._foreseen = 0
        self._flushed_to = 0
        log = self._undo_log
        self.sequences: Table[str, int] = Table("sequences", log)
        self.users: Table[int, User] = Table("users", log)
        self.kept_answers: Table[str, KeptAnswer] = Table("kept_answers", log)
        self.sessions: Table[bytes, Session] = Table("sessions", log)
        self.login_failures: Table[str, LoginFailures] = Table("login_failures", log)
        self.vat_rates: Table[int, VatRate] = Table("vat_rates", log)
        self.products: Table[int, Product] = Table("products", log)
        self.warehouses: Table[int, Master] = Table("warehouses", log)
        self.points_of_sale: Table[int, Master] = Table("points_of_sale", log)
        self.employees: Table[int, Master] = Table("employees", log)
        self.campaigns: Table[int, Master] = Table("campaigns", log)
        self.customers: Table[int, Customer] = Table("customers", log)
        self.documents: Table[int, Document] = Table("documents", log)
        self.document_rows: Table[int, tuple[DocumentRow, ...]] = Table("document_rows", log)
        self.document_uuids: Table[str, DocumentUUID] = Table("document_uuids", log)
        self.returns: Table[int, Return] = Table("returns", log)
        self.payments: Table[int, Payment] = Table("payments", log)
        self.gift_cards: Table[int, GiftCard] = Table("gift_cards", log)
        self.coupons: Table[int, Coupon] = Table("coupons", log)
        self.issued_coupons: Table[int, IssuedCoupon] = Table("issued_coupons", log)
        self.wallets: Table[WalletKey, Wallet] = Table("wallets", log)
        self.lots: Table[int, Lot] = Table("lots", log, _lot_rewritten)
        self.redemptions: Table[int, Redemption] = Table("redemptions", log)
        self.reversals: Table[int, Reversal] = Table("reversals", log)
        self.programs: Table[int, Program] = Table("programs", log)
        self.currencies: Table[int, Currency] = Table("currencies", log)
        self.promotions: Table[int, Promotion] = Table("promotions", log)
        self.reasons: Table[str, Reason] = Table("reasons", log)
        self.enrolments: Table[tuple[int, int], Enrolment] = Table("enrolments", log)
        self.identifiers: Table[tuple[str, str], Identifier] = Table("identifiers", log)
        self.members: Table[int, Member] = Table("members", log)
        self.awards: Table[int, Award] = Table("awards", log)
        self.adjustments: Table[int, Adjustment] = Table("adjustments", log)
        self.clients: Table[str, Client] = Table("clients", log)
        self.tokens: Table[bytes, Token] = Table("tokens", log)
        self.allocations: Journal[Allocation] = Journal("allocations")
        self.entries: Journal[Entry] = Journal("entries")
        self.corrections: Journal[Correction] = Journal("corrections")
        self.journals: tuple[Journal[Any], ...] = (self.allocations, self.entries, self.corrections)
        # Look-ups by another key than the ID. Whoever changes the row keeps them up to date.
        self.usernames: Table[str, User] = Table("usernames", log)
        self.pins: Table[str, User] = Table("pins", log)
        self.card_numbers: Table[str, Customer] = Table("card_numbers", log)
        self.document_numbers: Table[tuple[str, int], Document] = Table("document_numbers", log)
        self.product_codes: Table[str, Product] = Table("product_codes", log)
        self.product_codes2: Table[str, Product] = Table("product_codes2", log)
        self.gift_card_codes: Table[str, GiftCard] = Table("gift_card_codes", log)
        self.coupon_identifiers: Table[str, IssuedCoupon] = Table("coupon_identifiers", log)
        self.currency_names: Table[str, Currency] = Table("currency_names", log)
        self.program_points: Table[int, Currency] = Table("program_points", log)
        self.promotion_identifiers: Table[str, Promotion] = Table("promotion_identifiers", log)
        # What belongs to a row: read from the database with all changes so far, and read again after further ones.
        self.returns_of: Table[int, tuple[Return, ...]] = Table("returns_of", log)
        self.payments_of: Table[int, tuple[Payment, ...]] = Table("payments_of", log)
        self.lots_of: Table[int, tuple[Lot, ...]] = Table("lots_of", log)
        self.redemptions_of: Table[int, tuple[Redemption, ...]] = Table("redemptions_of", log)
        self.reversals_by: Table[int, tuple[Reversal, ...]] = Table("reversals_by", log)
        self.reversals_of: Table[int, tuple[Reversal, ...]] = Table("reversals_of", log)
        self.paid_for: Table[int, tuple[Paid, ...]] = Table("paid_for", log)
        self.paid_by: Table[int, tuple[Paid, ...]] = Table("paid_by", log)
        self.credits_of: Table[int, tuple[Document, ...]] = Table("credits_of", log)
        self.documents_of: Table[int, tuple[Document, ...]] = Table("documents_of", log)
        self.coupons_issued: Table[int, tuple[IssuedCoupon, ...]] = Table("coupons_issued", log)
        self.balances: Table[BalanceQuery, tuple[Balance, ...]] = Table("balances", log)
        self.awards_of: Table[WalletKey, tuple[Award, ...]] = Table("awards_of", log)
        self.adjusted: Table[AdjustedQuery, Adjusted] = Table("adjusted", log)
        self.identifiers_of: Table[int, tuple[Identifier, ...]] = Table("identifiers_of", log)
        self.enrolments_of: Table[int, tuple[Enrolment, ...]] = Table("enrolments_of", log)
        self.wallets_of: Table[int, tuple[Totals, ...]] = Table("wallets_of", log)
        self.configurations: Table[int, Configuration] = Table("configurations", log)
        self.tables: dict[str, Table[Any, Any]] = {
            table.name: table for table in vars(self).values() if isinstance(table, Table)
        }

        self._tables = tuple(self.tables.values())
        self.belongings_read = False
        """Whether anything of them has been read at all, which is rare."""
        self._belongings = [self.tables[name] for name in BELONGINGS]

    @property
    def foreseen(self) -> range:
        """The IDs that were given since `foresee`."""
        return range(FORESEEN_IDS.start + 1, self._foreseen + 1)

    def foresee(self) -> None:
        """From now on give IDs that no record will have: what is done is not to be kept."""
        self._foreseen = FORESEEN_IDS.start

    def new_id(self, sequence: str) -> int:
        """The ID of a new record: never used before, and free again only if the change is undone."""
        if self._foreseen:
            self._foreseen += 1
            return self._foreseen
        return self.next_number(sequence)

    def next_number(self, sequence: str, first: int = 1) -> int:
        """The next number of a sequence."""
        last = self.sequences.rows.get(sequence)
        number = last + 1 if last else first
        self.sequences.put(sequence, number)
        return number

    def post(self, posting: Posting) -> None:
        """Take over what a ledger operation decided."""
        totals = posting.wallet.totals
        self.wallets.put((totals.customer_id, totals.currency_id), posting.wallet)
        lots, redemptions, reversals = self.lots, self.redemptions, self.reversals
        if self.belongings_read:
            self._update_belongings(posting)
        for lot in posting.lots.values():
            lots.put(lot.id, lot)
        for redemption in posting.redemptions.values():
            redemptions.put(redemption.id, redemption)
        for reversal in posting.reversals.values():
            reversals.put(reversal.id, reversal)
        self.allocations.rows += posting.allocations
        self.entries.rows += posting.entries

    def _add_to_paid(self, allocation: Allocation) -> None:
        for table, key in ((self.paid_for, allocation.transaction_id), (self.paid_by, allocation.lot_id)):
            if key in table.rows:
                table.put(key, _with(table.get(key) or (), allocation))

    def _update_belongings(self, posting: Posting) -> None:
        """Read again, when next asked for, to what new lots, redemptions and reversals belong; add what is paid."""
        self.adjusted.rows.clear()
        self.awards_of.rows.pop(posting.wallet.totals[:2], None)
        self.wallets_of.rows.pop(posting.wallet.totals.customer_id, None)
        for lot in posting.lots.values():
            if self.lots.rows.get(lot.id) is None:
                self.lots_of.rows.pop(lot.document_id, None)
        for redemption in posting.redemptions.values():
            if self.redemptions.rows.get(redemption.id) is None:
                self.redemptions_of.rows.pop(redemption.document_id, None)
        for reversal in posting.reversals.values():
            if self.reversals.rows.get(reversal.id) is None:
                self.reversals_of.rows.pop(reversal.lot_id, None)
                self.reversals_by.rows.pop(reversal.document_id, None)
        for allocation in posting.allocations:
            self._add_to_paid(allocation)

    def correct_lot(self, lot: Lot) -> None:
        """Change what a lot says of itself, but not its points."""
        self.lots.put(lot.id, lot)
        key = (lot.customer_id, lot.currency_id)
        wallet = self.wallets.rows.get(key)
        if wallet is not None:
            lots = tuple(lot if each.id == lot.id else each for each in wallet.lots)
            self.wallets.put(key, wallet._replace(lots=lots))

    def correct_redemption(self, redemption: Redemption) -> None:
        """Change what a redemption says of itself, but not its points."""
        self.redemptions.put(redemption.id, redemption)
        key = (redemption.customer_id, redemption.currency_id)
        wallet = self.wallets.rows.get(key)
        if wallet is not None:
            debts = tuple(redemption if each.id == redemption.id else each for each in wallet.debts)
            self.wallets.put(key, wallet._replace(debts=debts))

    def drop(self, table: Table[K, R], key: K) -> None:
        """Read again, when next asked for, what belongs to a row: it has changed."""
        assert table in self._belongings
        table.rows.pop(key, None)

    def missing(self, needs: Needs) -> dict[str, set[Any]]:
        """The part of `needs` that has not been read yet."""
        missing = {}
        for name, keys in needs.items():
            if absent := keys - self.tables[name].rows.keys():
                missing[name] = absent
        return missing

    def forget_belongings(self) -> None:
        """Read again, when next asked for, what belongs to a row."""
        for table in self._belongings:
            if table.rows:
                table.rows.clear()

    @property
    def changed(self) -> bool:
        return any(table.changes for table in self._tables) or any(journal.changed for journal in self.journals)

    def flushed(self) -> None:
        """All changes so far stand in the database, inside its transaction."""
        for table in self._tables:
            if table.changes:
                table.changes.clear()
        for journal in self.journals:
            journal.flushed()
        self._flushed_to = len(self._undo_log)

    def mark(self) -> Mark:
        return len(self._undo_log), len(self.allocations.rows), len(self.entries.rows), len(self.corrections.rows)

    def undo(self, mark: Mark) -> None:
        """Take back every change made since `mark`."""
        length, *added = mark
        for journal, rows in zip(self.journals, added, strict=True):
            journal.undo(rows)
        log = self._undo_log
        while len(log) > length:
            flushed = len(log) <= self._flushed_to
            name, key, before, change = log.pop()
            self.tables[name].restore(key, before, change, flushed=flushed)
        if self._flushed_to > length:
            self._flushed_to = length
            self.forget_belongings()  # They may hold what was undone.


def _lot_rewritten(before: Lot, after: Lot) -> bool:
    """Whether a lot opened again, or was corrected; otherwise only its sums changed, perhaps to nothing."""
    # One by one as far as a redemption may differ: a slice costs as much as four comparisons.
    return (
        before.customer_id != after.customer_id
        or (not before.remaining and after.remaining > 0)
        or before.earned != after.earned
        or before[8:] != after[8:]
    )


def _with(paid: tuple[Paid, ...], allocation: Allocation) -> tuple[Paid, ...]:
    """What is paid, with one more allocation."""
    sums = {each[:2]: each.points for each in paid}
    key = (allocation.transaction_id, allocation.lot_id)
    sums[key] = sums.get(key, 0) + allocation.points
    return tuple(Paid(*each, points) for each, points in sums.items() if points)
