"""What becomes of points, in the plainest words: a second opinion on the ledger.

Written from docs/decisions/0013-returns.md, 0014-corrections.md, 0021-prices-of-a-confirmed-sale.md and docs/fabric.md
(what is pending), importing nothing of the server. Points are whole and everything stands in lists. Time is looked at
whenever it passes: there is nothing that has happened and is not written down yet.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

HOUR, DAY = 3_600, 86_400
FOR_EVER = 10**12


class Refused(Exception):
    """The oracle's refusal: an error code."""

    @property
    def code(self) -> int:
        code: int = self.args[0]
        return code


@dataclass
class Earning:
    id: int
    customer: int
    points: int
    created: int
    expires: int
    document: int
    by_sale: bool
    left: int
    """To be spent."""
    lost: int = 0
    """To the expiry."""
    active: int = 0
    """When it can be spent; for ever ahead where only a call lets it."""

    @property
    def order(self) -> tuple[int, int, int]:
        """What expires first is spent first, then what is oldest."""
        return self.expires, self.created, self.id


@dataclass
class Debit:
    """What is drawn from a customer's earnings."""

    id: int
    customer: int
    paid: dict[int, int] = field(default_factory=dict)
    """By which earnings."""
    owed: int = 0
    """What none of them could pay."""


@dataclass
class Redemption(Debit):
    points: int = 0
    document: int = 0
    coupon: int = 0
    returned: int = 0


@dataclass
class TakenBack(Debit):
    earning: int = 0
    document: int = 0
    by_return: bool = False
    """By a credit invoice; else by a new price or by the deletion of the sale."""
    from_lost: int = 0
    """What the customer had lost already."""
    forgiven: int = 0

    @property
    def points(self) -> int:
        return sum(self.paid.values()) + self.owed + self.from_lost + self.forgiven


@dataclass
class GivenBack:
    """What a credit invoice gave back of a redemption."""

    redemption: int
    points: int
    to: dict[int, tuple[int, int]]
    """How much each earning got, and what it had lost before of other points: 0 if it lost what it got at once."""


class Points:
    def __init__(self, now: int) -> None:
        self.now = now
        self.earnings: dict[int, Earning] = {}
        self.redemptions: dict[int, Redemption] = {}
        self.taken: dict[int, TakenBack] = {}
        self.last_transaction = 0

    def balance(self, customer: int) -> int:
        return sum(each.left for each in self._of(customer)) - sum(each.owed for each in self._debits(customer))

    def spendable(self, customer: int) -> int:
        """Without what is pending: that counts towards the balance only."""
        return sum(each.left for each in self._of(customer) if each.active <= self.now)

    def left(self, customer: int) -> dict[int, int]:
        """Of each earning."""
        return {each.id: each.left for each in self._of(customer)}

    def pending(self, customer: int) -> list[Earning]:
        return [each for each in self._of(customer) if each.left and each.active > self.now < each.expires]

    def pass_time(self, seconds: int) -> None:
        """Stop where points become active: they repay what is owed then, before they may expire."""
        until = self.now + seconds
        for moment in sorted({each.active for each in self.earnings.values() if self.now < each.active < until}):
            self._pass(moment)
        self._pass(until)

    def _pass(self, moment: int) -> None:
        self.now = moment
        for customer in {each.customer for each in self.earnings.values()}:
            self._settle(customer, moment)

    def transaction(self) -> int:
        self.last_transaction += 1
        return self.last_transaction

    def _of(self, customer: int) -> list[Earning]:
        return sorted((each for each in self.earnings.values() if each.customer == customer), key=lambda one: one.order)

    def _debits(self, customer: int) -> list[Debit]:
        debits: list[Debit] = [*self.redemptions.values(), *self.taken.values()]
        return sorted((each for each in debits if each.customer == customer), key=lambda debit: debit.id)

    def _settle(self, customer: int, moment: int | None = None) -> None:
        """What has expired is lost; what is active pays what is owed, the oldest debt first. As of now, or of then."""
        moment = self.now if moment is None else moment
        for earning in self._of(customer):
            if earning.expires <= moment:
                earning.lost += earning.left
                earning.left = 0
        for debit in self._debits(customer):
            if debit.owed:
                debit.owed = self._pay(debit, debit.owed, moment)

    def _pay(self, debit: Debit, points: int, moment: int | None = None) -> int:
        """Let the customer's active earnings pay; what they could not."""
        moment = self.now if moment is None else moment
        return self._draw(debit, points, [each for each in self._of(debit.customer) if each.active <= moment])

    @staticmethod
    def _draw(debit: Debit, points: int, earnings: Iterable[Earning]) -> int:
        for earning in earnings:
            part = min(points, earning.left)
            if part:
                earning.left -= part
                debit.paid[earning.id] = debit.paid.get(earning.id, 0) + part
                points -= part
        return points

    def _put_back(self, debit: Debit, earning: Earning, points: int) -> None:
        """An earning gets back what it had paid."""
        earning.left += points
        debit.paid[earning.id] -= points
        if not debit.paid[earning.id]:
            del debit.paid[earning.id]

    def _payers(self, debit: Debit) -> list[Earning]:
        return sorted((self.earnings[each] for each in debit.paid), key=lambda earning: earning.order)

    # Earning and spending.

    def earn(
        self,
        customer: int,
        points: int,
        created: int,
        expires: int,
        document: int,
        *,
        by_sale: bool = False,
        active: int = 0,
    ) -> Earning:
        earning = Earning(self.transaction(), customer, points, created, expires, document, by_sale, left=points)
        earning.active = active
        self.earnings[earning.id] = earning
        self._settle(customer)
        return earning

    def spend(self, customer: int, points: int, document: int, *, may_owe: bool, coupon: int = 0) -> Redemption:
        if points > self.spendable(customer) and not may_owe:
            raise Refused(1042)
        redemption = Redemption(self.transaction(), customer, points=points, document=document, coupon=coupon)
        redemption.owed = self._pay(redemption, points)
        self.redemptions[redemption.id] = redemption
        return redemption

    def deduct(self, customer: int, points: int, earnings: Iterable[Earning]) -> Redemption:
        """From these alone, whether pending or not."""
        chosen = sorted((each for each in earnings if each.expires > self.now), key=lambda one: one.order)
        if points > sum(each.left for each in chosen):
            raise Refused(1042)
        redemption = Redemption(self.transaction(), customer, points=points)
        self._draw(redemption, points, chosen)
        self.redemptions[redemption.id] = redemption
        return redemption

    def activate(self, customer: int) -> None:
        """All that is pending."""
        for earning in self.pending(customer):
            earning.active = 0
        self._settle(customer)

    # Taking back what a sale earned.

    def sale_earnings(self, document: int) -> list[Earning]:
        """The latest first."""
        mine = [each for each in self.earnings.values() if each.document == document and each.by_sale]
        return sorted(mine, key=lambda earning: -earning.id)

    def taken_of(self, earning: Earning, which: Callable[[TakenBack], bool] = lambda _: True) -> int:
        return sum(each.points for each in self.taken.values() if each.earning == earning.id and which(each))

    def earned_by(self, document: int) -> tuple[int, int]:
        """What a sale has earned, less what new prices took of it, and what returns have taken of that."""
        earnings = self.sale_earnings(document)
        kept = sum(each.points - self.taken_of(each, lambda taken: not taken.by_return) for each in earnings)
        return kept, sum(self.taken_of(each, lambda taken: taken.by_return) for each in earnings)

    def take_back(
        self, earnings: Iterable[Earning], points: int, document: int, *, may_owe: bool, by_return: bool = False
    ) -> None:
        for earning in earnings:
            part = min(points, earning.points - self.taken_of(earning))
            if part > 0:
                self._take_back(earning, part, document, may_owe=may_owe, by_return=by_return)
                points -= part

    def _take_back(self, earning: Earning, points: int, document: int, *, may_owe: bool, by_return: bool) -> None:
        """From the earning itself, from what it has lost, from the customer's others; the rest is owed or forgiven.

        What pending points will pay is owed in any case.
        """
        taken = TakenBack(self.transaction(), earning.customer, earning=earning.id, document=document)
        taken.by_return = by_return
        own = min(points, earning.left)
        earning.left -= own
        if own:
            taken.paid[earning.id] = own
        taken.from_lost = min(points - own, earning.lost)
        earning.lost -= taken.from_lost
        missing = self._pay(taken, points - own - taken.from_lost)
        taken.owed = missing if may_owe else min(missing, max(0, self.balance(earning.customer)))
        taken.forgiven = missing - taken.owed
        self.taken[taken.id] = taken

    def undo_taking(self, document: int) -> None:
        """Each earning gets back what it had paid, and nothing is owed any more.

        What was lost is lost again, unless the earning was given a new expiry since.
        """
        for taken in self.taken.values():
            if taken.document == document:
                for earning in self._payers(taken):
                    self._put_back(taken, earning, taken.paid[earning.id])
                earning = self.earnings[taken.earning]
                if earning.expires > self.now:
                    earning.left += taken.from_lost
                else:
                    earning.lost += taken.from_lost
                taken.owed = taken.from_lost = taken.forgiven = 0
                self._settle(taken.customer)

    # Giving back what was spent on a sale.

    def give_back(self, redemption: Redemption, points: int, grace: int) -> GivenBack:
        """What is owed first, then the earnings that paid, those that live longest first."""
        given = GivenBack(redemption.id, points, {})
        redemption.returned += points
        cancelled = min(points, redemption.owed)
        redemption.owed -= cancelled
        points -= cancelled
        for earning in reversed(self._payers(redemption)):
            part = min(points, redemption.paid[earning.id])
            if not part:
                continue
            if earning.expires <= self.now and grace:
                given.to[earning.id] = (part, earning.lost)
                earning.expires = self.now + grace
            else:
                given.to[earning.id] = (part, earning.lost if earning.expires > self.now else 0)
            self._put_back(redemption, earning, part)
            points -= part
        self._settle(redemption.customer)
        return given

    def spend_again(self, given: GivenBack) -> None:
        """The earnings that got it pay first, with what they have lost since too; then the others; the rest is owed."""
        redemption = self.redemptions[given.redemption]
        redemption.returned -= given.points
        missing = given.points
        earnings = [self.earnings[each] for each in given.to if self.earnings[each].customer == redemption.customer]
        for earning in sorted(earnings, key=lambda one: one.order):
            got, lost_before = given.to[earning.id]
            revived = min(got, max(0, earning.lost - lost_before))
            own = min(got - revived, earning.left)
            earning.lost -= revived
            earning.left -= own
            if revived + own:
                redemption.paid[earning.id] = redemption.paid.get(earning.id, 0) + revived + own
                missing -= revived + own
        redemption.owed += self._pay(redemption, missing)

    # Corrections.

    def check_move_earning(self, earning: Earning, customer: int) -> None:
        if customer != earning.customer:
            if self.taken_of(earning):
                raise Refused(1016)
            worth = earning.points - earning.lost
            own = earning.left if earning.active <= self.now else 0
            if worth > max(0, self.balance(earning.customer)):
                raise Refused(1042)
            if worth - earning.left > self.spendable(earning.customer) - own:
                raise Refused(1042)

    def move_earning(self, earning: Earning, customer: int) -> None:
        """What it had paid for is paid by the others; all that it had not lost is there again."""
        if customer == earning.customer:
            return
        earning.left = 0
        for debit in self._debits(earning.customer):
            if points := debit.paid.pop(earning.id, 0):
                assert self._pay(debit, points) == 0
        earning.customer = customer
        earning.left = earning.points - earning.lost
        self._settle(customer)

    def change_times(self, earning: Earning, created: int, expires: int) -> None:
        earning.created, earning.expires = created, expires
        if expires > self.now:
            earning.left += earning.lost
            earning.lost = 0
        self._settle(earning.customer)

    def check_move_redemption(self, redemption: Redemption, customer: int, *, may_owe: bool) -> None:
        points = redemption.points - redemption.returned
        if customer != redemption.customer and points and points > self.spendable(customer) and not may_owe:
            raise Refused(1042)

    def move_redemption(self, redemption: Redemption, customer: int) -> None:
        if customer == redemption.customer:
            return
        for earning in self._payers(redemption):
            self._put_back(redemption, earning, redemption.paid[earning.id])
        redemption.owed = 0
        self._settle(redemption.customer)
        redemption.customer = customer
        redemption.owed = self._pay(redemption, redemption.points - redemption.returned)
