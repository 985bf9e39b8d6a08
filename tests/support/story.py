"""Ledger stories: a wallet's life as text that a shopkeeper can check, one event or expectation a line.

    allow    below zero
    lots     A 300 until 06-01    B 500 until 03-01    C 200 for ever
    earn     D 50 on 01-20 from 02-01 until 04-01
    redeem   600 on 01-25      -> B 500    A 100
    redeem   9000 on 01-26     -> NotEnoughPoints spendable 400
    lots     D 50 from 02-01 until 04-01    A 200 until 06-01    C 200 for ever

Days are MM-DD of 2026, at midnight UTC unless a time HH:MM:SS follows; points are whole.

Events. What stands behind `->` is what must come of it; without an arrow it need only succeed.
    lots, first of all     earns these on 01-01, in this order
    earn NAME POINTS on DAY [dated DAY] [from DAY | pending] until DAY | for ever
                           `dated`: when the earning says it happened, `from`: when it becomes available, `pending`:
                           not before it is activated
    redeem POINTS on DAY   accepted redemptions are called R1, R2 ... in this order
    deduct POINTS from NAME NAME ... on DAY    a redemption that draws from these lots only
    activate NAME NAME ... on DAY              pending lots become available
    allow below zero, refuse below zero
    reverse POINTS of NAME on DAY         what a lot earned is taken back: reversals are called V1, V2 ...
    owe what is missing, forgive what is missing    of a reversal; owed unless the story says otherwise
    undo V1 on DAY
    give back POINTS of R1 on DAY [with N days grace]
    spend again POINTS of R1 on DAY       what had been given back last
    change NAME [dated DAY] until DAY | for ever on DAY
    customer NAME                         what follows happens to this customer; the first has no name
    move NAME or R1 to CUSTOMER on DAY    CUSTOMER is `first` or a name

Outcomes
    B 500    A 100    unpaid 50     which lots paid, and what none paid; below zero: what they got back
    forgiven 50    expired 50       of a reversal: what nobody paid, and what had been lost already
    D repays R1 50                  a lot paid for another transaction than that of the event
    NotEnoughPoints spendable 400   a refusal and its facts

Expectations. Each is the whole truth at that point of the story; `none` stands for nothing.
    lots        the open lots as the wallet has them, soonest to be redeemed first
    debts       R1 30    R2 10: the redemptions not wholly paid, oldest first
    entries     earn 300 on 01-01    redeem -100 on 02-01    expire -200 on 06-01: all of them
    totals      earned 300    expired 200: those that are named
    balance     500 on 02-01

A new rule needs a method here, its verb among those at the end and its words above.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Final

from erply_points.ledger import corrections, deductions, returns
from erply_points.ledger import wallet as ledger
from erply_points.ledger.amounts import MILLIPOINTS_PER_POINT, NEVER, Millipoints, UnixSeconds, from_points
from erply_points.ledger.errors import LedgerError
from erply_points.ledger.records import Allocation, Entry, Lot, Redemption, Reversal
from erply_points.ledger.wallet import Posting, Wallet

YEAR: Final = 2026
CUSTOMER: Final = 7
CURRENCY: Final = 1

_DAY: Final = r"\d\d-\d\d(?: \d\d:\d\d:\d\d)?"
_LOT: Final = re.compile(
    rf"(?P<name>[A-Z]\w*) (?P<points>\d+)(?: on (?P<on>{_DAY}))?(?: dated (?P<dated>{_DAY}))?"
    rf"(?: from (?P<available>{_DAY})| (?P<pending>pending))? (?:until (?P<expires>{_DAY})|for ever)(?: |$)"
)
_REDEMPTION: Final = re.compile(rf"(?P<points>\d+) on (?P<on>{_DAY})")
_DEDUCTION: Final = re.compile(rf"(?P<points>\d+) from (?P<names>[\w ]+) on (?P<on>{_DAY})")
_ACTIVATION: Final = re.compile(rf"(?P<names>[\w ]+) on (?P<on>{_DAY})")
_BALANCE: Final = re.compile(rf"(?P<points>-?\d+) on (?P<on>{_DAY})")
_PART: Final = re.compile(
    rf"(?:back |again )?(?P<points>\d+) of (?P<name>\w+) on (?P<on>{_DAY})(?: with (?P<days>\d+) days grace)?"
)
_UNDO: Final = re.compile(rf"(?P<name>\w+) on (?P<on>{_DAY})")
_MOVE: Final = re.compile(rf"(?P<name>\w+) to (?P<customer>\w+) on (?P<on>{_DAY})")
_CHANGE: Final = re.compile(
    rf"(?P<name>\w+)(?: dated (?P<dated>{_DAY}))? (?:until (?P<expires>{_DAY})|for ever) on (?P<on>{_DAY})"
)


class StoryError(AssertionError):
    """A line that did not come true, or that cannot be read."""


@dataclass
class Book:
    """A wallet and every record that its postings have left, as a store would keep them."""

    wallet: Wallet = field(default_factory=lambda: Wallet.empty(CUSTOMER, CURRENCY))
    lots: dict[int, Lot] = field(default_factory=dict)
    redemptions: dict[int, Redemption] = field(default_factory=dict)
    reversals: dict[int, Reversal] = field(default_factory=dict)
    allocations: list[Allocation] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def post(self, posting: Posting) -> None:
        self.wallet = posting.wallet
        self.lots.update(posting.lots)
        self.redemptions.update(posting.redemptions)
        self.reversals.update(posting.reversals)
        self.allocations.extend(posting.allocations)
        self.entries.extend(posting.entries)

    def paid(self, transaction_id: int) -> tuple[dict[int, Millipoints], list[Lot]]:
        """What each lot pays for a transaction, and those lots."""
        sums: dict[int, Millipoints] = {}
        for each in self.allocations:
            if each.transaction_id == transaction_id:
                sums[each.lot_id] = sums.get(each.lot_id, 0) + each.points
        paid = {number: points for number, points in sums.items() if points}
        return paid, [self.lots[number] for number in paid]


def new_lot(
    number: int,
    earned: Millipoints,
    created_at: UnixSeconds = 0,
    expires_at: UnixSeconds = NEVER,
    available_at: UnixSeconds | None = None,
) -> Lot:
    """A lot as it is when it is earned, available at once unless said otherwise."""
    available_at = created_at if available_at is None else available_at
    return Lot(number, CUSTOMER, CURRENCY, earned, earned, 0, 0, 0, created_at, available_at, expires_at, 0, 0, 0, "")


def new_redemption(number: int, points: Millipoints, created_at: UnixSeconds = 0) -> Redemption:
    return Redemption(number, CUSTOMER, CURRENCY, points, 0, created_at, 0, 0, 0, 0, 0, 0, "")


def story(text: str) -> Book:
    """Act out a story; return what it leaves. Raises StoryError with the line that did not come true."""
    telling = _Telling()
    for number, line in enumerate(text.splitlines(), start=1):
        words = " ".join(line.split())
        if words:
            try:
                telling.line(words)
            except Exception as error:
                reason = str(error) if isinstance(error, StoryError) else repr(error)
                raise StoryError(f"line {number}: {words}\n{reason}") from error
    return telling.book


def moment(text: str) -> UnixSeconds:
    """`06-01`, or `05-31 23:59:59`."""
    day, _, time = text.partition(" ")
    return int(datetime.fromisoformat(f"{YEAR}-{day}T{time or '00:00:00'}+00:00").timestamp())


class _Telling:
    def __init__(self) -> None:
        self.book = Book()
        self.books = {"first": self.book}
        self.below_zero = False
        self.owed = True
        self.names: dict[int, str] = {}
        self.given: dict[int, tuple[Millipoints, Millipoints]] = {}
        self.transactions = 0

    def line(self, words: str) -> None:
        said, arrow, expected = (part.strip() for part in words.partition("->"))
        verb, _, rest = said.partition(" ")
        if verb not in _VERBS or (arrow and (not expected or verb not in _EVENTS)):
            raise StoryError("this is no line of a story")
        try:
            outcome = _VERBS[verb](self, rest)
        except LedgerError as refusal:
            if not arrow:
                raise
            outcome = _refused(refusal)
        if arrow:
            _same(outcome or "none", expected)

    # Events; each returns its outcome in words.

    def earn(self, rest: str) -> str:
        (given,) = _lots(rest)
        return self._earn(given, given["on"] or "")

    def _earn(self, given: dict[str, str | None], on: str) -> str:
        name = given["name"] or ""
        if not on or name in self.names.values():
            raise StoryError(f"lot {name} needs a day and a name of its own")
        lot = new_lot(
            self.transactions + 1,
            from_points(int(given["points"] or "")),
            moment(given["dated"] or on),
            moment(given["expires"]) if given["expires"] else NEVER,
            NEVER if given["pending"] else moment(given["available"] or given["dated"] or on),
        )
        lot = lot._replace(customer_id=self.book.wallet.totals.customer_id)
        posting = ledger.earn(self.book.wallet, lot, moment(on))
        self.names[lot.id] = name
        return self._post(posting)

    def redeem(self, rest: str) -> str:
        asked = _match(_REDEMPTION, rest)
        on = moment(asked["on"])
        redemption = new_redemption(self.transactions + 1, from_points(int(asked["points"])), on)
        redemption = redemption._replace(customer_id=self.book.wallet.totals.customer_id)
        posting = ledger.redeem(self.book.wallet, redemption, on, below_zero=self.below_zero)
        self._name(redemption.id, "R")
        return self._post(posting)

    def deduct(self, rest: str) -> str:
        asked = _match(_DEDUCTION, rest)
        on = moment(asked["on"])
        redemption = new_redemption(self.transactions + 1, from_points(int(asked["points"])), on)
        posting = deductions.deduct(self.book.wallet, redemption, self._chosen(asked["names"]), on)
        self._name(redemption.id, "R")
        return self._post(posting)

    def activate(self, rest: str) -> str:
        asked = _match(_ACTIVATION, rest)
        chosen = self._chosen(asked["names"])
        return self._told(deductions.activate(self.book.wallet, chosen, moment(asked["on"])), 0)

    def _chosen(self, names: str) -> list[Lot]:
        return [self.book.lots[self._number(name)] for name in names.split()]

    def _post(self, posting: Posting) -> str:
        """Keep what was decided; return it in words."""
        self.transactions += 1
        return self._told(posting, self.transactions)

    def _told(self, posting: Posting, about: int) -> str:
        """Keep what was decided about a transaction or a lot; return it in words."""
        self.book.post(posting)
        words = []
        for transaction_id, lot_id, _, _, points in posting.allocations:
            repays = "" if transaction_id == about else f"repays {self.names[transaction_id]} "
            words.append(f"{self.names[lot_id]} {repays}{_points(points)}")
        debit = posting.redemptions.get(about) or posting.reversals.get(about)
        for name, fact in (("unpaid", "unpaid"), ("forgiven", "forgiven"), ("expired", "from_expired")):
            if getattr(debit, fact, 0):
                words.append(f"{name} {_points(getattr(debit, fact))}")
        return " ".join(words)

    def reverse(self, rest: str) -> str:
        asked, on = self._settled(_PART, rest)
        lot = self.book.lots[self._number(asked["name"])]
        points = from_points(int(asked["points"]))
        reversal = Reversal(self.transactions + 1, *self.book.wallet.totals[:2], lot.id, points, 0, 0, 0, on, 0)
        posting = returns.reverse(self.book.wallet, reversal, lot, on, below_zero=self.owed)
        self._name(reversal.id, "V")
        return self._post(posting)

    def undo(self, rest: str) -> str:
        asked, on = self._settled(_UNDO, rest)
        reversal = self.book.reversals[self._number(asked["name"])]
        lot = self.book.lots[reversal.lot_id]
        posting = returns.undo_reversal(self.book.wallet, reversal, *self.book.paid(reversal.id), lot, on)
        return self._told(posting, reversal.id)

    def give(self, rest: str) -> str:
        asked, on = self._settled(_PART, rest)
        redemption = self.book.redemptions[self._number(asked["name"])]
        points = from_points(int(asked["points"]))
        before = self.book.paid(redemption.id)
        grace = int(asked["days"] or 0) * 86_400
        posting = returns.give_back(self.book.wallet, redemption, points, *before, on, grace_seconds=grace)
        told = self._told(posting, redemption.id)
        after, _ = self.book.paid(redemption.id)
        self.given = {lot.id: (before[0][lot.id] - after.get(lot.id, 0), lot.expired) for lot in before[1]}
        return told

    def spend(self, rest: str) -> str:
        asked, on = self._settled(_PART, rest)
        redemption = self.book.redemptions[self._number(asked["name"])]
        points = from_points(int(asked["points"]))
        lots = [self.book.lots[number] for number in self.given]
        posting = returns.take_again(self.book.wallet, redemption, points, self.given, lots, on)
        return self._told(posting, redemption.id)

    def change(self, rest: str) -> str:
        asked, on = self._settled(_CHANGE, rest)
        lot = self.book.lots[self._number(asked["name"])]
        created_at = moment(asked["dated"]) if asked["dated"] else lot.created_at
        expires_at = moment(asked["expires"]) if asked["expires"] else NEVER
        return self._told(corrections.change_times(self.book.wallet, lot, created_at, expires_at, on), lot.id)

    def move(self, rest: str) -> str:
        asked, on = self._settled(_MOVE, rest)
        about = self._number(asked["name"])
        old, new = self.book, self._book(asked["customer"])
        new.post(ledger.settle(new.wallet, on))
        if about in old.lots:
            lot = old.lots[about]
            debits: list[Redemption | Reversal] = [*old.redemptions.values(), *old.reversals.values()]
            paid = [(one, old.paid(one.id)[0].get(about, 0)) for one in debits]
            taken = corrections.take_out_lot(old.wallet, lot, [each for each in paid if each[1]], on)
            put = corrections.put_in_lot(new.wallet, lot, on)
        else:
            redemption = old.redemptions[about]
            taken = corrections.take_out_redemption(old.wallet, redemption, *old.paid(about), on)
            put = corrections.put_in_redemption(new.wallet, taken.redemptions[about], on, below_zero=self.below_zero)
        words = self._told(taken, about)
        for records in (old.lots, old.redemptions):
            records.pop(about, None)
        self.book = new
        words += f" {self._told(put, about)}"
        self.book = old
        return words.strip()

    def _settled(self, pattern: re.Pattern[str], rest: str) -> tuple[re.Match[str], UnixSeconds]:
        """The words of an event, and its moment: what time has done until then is written down."""
        asked = _match(pattern, rest)
        on = moment(asked["on"])
        self.book.post(ledger.settle(self.book.wallet, on))
        return asked, on

    def _name(self, number: int, kind: str) -> None:
        self.names[number] = f"{kind}{sum(name.startswith(kind) for name in self.names.values()) + 1}"

    def _number(self, name: str) -> int:
        """The record of this name. Raises StopIteration if there is none."""
        return next(number for number, each in self.names.items() if each == name)

    def customer(self, rest: str) -> None:
        self.book = self._book(rest)

    def _book(self, customer: str) -> Book:
        return self.books.setdefault(customer, Book(Wallet.empty(CUSTOMER + len(self.books), CURRENCY)))

    def owe(self, rest: str) -> None:
        _same("what is missing", rest)
        self.owed = True

    def forgive(self, rest: str) -> None:
        _same("what is missing", rest)
        self.owed = False

    def allow(self, rest: str) -> None:
        _same("below zero", rest)
        self.below_zero = True

    def refuse(self, rest: str) -> None:
        _same("below zero", rest)
        self.below_zero = False

    # Expectations.

    def lots(self, rest: str) -> None:
        if not self.transactions:
            for given in _lots(rest):
                self._earn(given, "01-01")
            return
        found = []
        for lot in self.book.wallet.lots:
            last = self.book.entries[-1].at
            pending = f" from {_day(lot.available_at)}" if last < lot.available_at < NEVER else ""
            pending = " pending" if lot.available_at == NEVER else pending
            until = "for ever" if lot.expires_at == NEVER else f"until {_day(lot.expires_at)}"
            found.append(f"{self.names[lot.id]} {_points(lot.remaining)}{pending} {until}")
        _same(" ".join(found) or "none", rest)

    def debts(self, rest: str) -> None:
        found = [f"{self.names[debt.id]} {_points(debt.unpaid)}" for debt in self.book.wallet.debts]
        _same(" ".join(found) or "none", rest)

    def entries(self, rest: str) -> None:
        found = [f"{entry.kind} {_points(entry.points)} on {_day(entry.at)}" for entry in self.book.entries]
        _same(" ".join(found) or "none", rest)

    def totals(self, rest: str) -> None:
        names = rest.split(" ")[::2]
        _same(" ".join(f"{name} {_points(getattr(self.book.wallet.totals, name))}" for name in names), rest)

    def balance(self, rest: str) -> None:
        on = _match(_BALANCE, rest)["on"]
        _same(f"{_points(self.book.wallet.balance_at(moment(on)))} on {on}", rest)


_EVENTS: Final = (
    *("earn", "redeem", "deduct", "activate"),
    *("reverse", "undo", "give", "spend", "change", "move"),
)
_POLICIES: Final = ("allow", "refuse", "owe", "forgive", "customer")
_EXPECTATIONS: Final = ("lots", "debts", "entries", "totals", "balance")
_VERBS: Final[dict[str, Callable[[_Telling, str], str | None]]] = {
    verb: getattr(_Telling, verb) for verb in (*_EVENTS, *_POLICIES, *_EXPECTATIONS)
}


def _lots(text: str) -> list[dict[str, str | None]]:
    found = []
    position = 0
    while position < len(text):
        match = _LOT.match(text, position)
        if match is None:
            raise StoryError(f"this is no lot: {text[position:]}")
        found.append(match.groupdict())
        position = match.end()
    return found


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise StoryError("this line cannot be read")
    return match


def _refused(refusal: LedgerError) -> str:
    """The refusal and its facts, but for what was asked: the story has said that already."""
    facts = [f"{fact.name} {_points(getattr(refusal, fact.name))}" for fact in fields(refusal) if fact.name != "asked"]  # type: ignore[arg-type]  # each refusal is a dataclass
    return " ".join([type(refusal).__name__, *facts])


def _points(amount: Millipoints) -> str:
    points, part = divmod(amount, MILLIPOINTS_PER_POINT)
    if part:
        raise StoryError(f"{amount} thousandths are no whole points")
    return str(points)


def _day(at: UnixSeconds) -> str:
    text = datetime.fromtimestamp(at, UTC).strftime("%m-%d %H:%M:%S")
    return text.removesuffix(" 00:00:00")


def _same(found: str, expected: str) -> None:
    if found != expected:
        raise StoryError(f"it was: {found}")
