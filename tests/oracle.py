"""What the server should do, in the plainest words: an oracle written from the protocol's rules and the decisions.

It imports nothing of the server; what becomes of points is the matter of `calls/points_oracle.py`. Requests are what a
client sends; one with the key `bad` is refused with that code. A refused request has changed nothing, so every handler
looks first and changes afterwards.
"""

import calendar
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from calls.points_oracle import DAY, FOR_EVER, HOUR, Earning, GivenBack, Points, Redemption, Refused

Record = dict[str, Any]

EARNING_TYPES = {"INVWAYBILL", "CASHINVOICE", "EXPORTINVOICE", "INVOICE"}
INVOICE_TYPES = EARNING_TYPES | {"CREDITINVOICE"}
PLACEHOLDER = "CURRENT_INVOICE_ID"


def rounded(value: Fraction, decimals: int = 2) -> int:
    """Cents of a sum of money, or what else its decimals count; half of one away from zero."""
    whole: int = math.floor(abs(value) * 10**decimals + Fraction(1, 2))
    return whole if value >= 0 else -whole


@dataclass
class Row:
    """A row at 20 % tax; sums in cents."""

    product: int
    amount: Fraction
    price: Fraction
    discount: Fraction
    earns: bool
    net: int = 0
    vat: int = 0

    def priced(self, *, from_shelf: bool) -> "Row":
        """From the net price of a piece; a receipt from the price with tax, as it stands on the shelf."""
        unit = self.price * (100 - self.discount) / 100
        if from_shelf:
            total = rounded(Fraction(rounded(unit * Fraction(6, 5)), 100) * self.amount)
            self.vat = rounded(Fraction(total, 600))
            self.net = total - self.vat
        else:
            self.net = rounded(Fraction(rounded(unit, 4), 10_000) * self.amount)
            self.vat = rounded(Fraction(self.net, 500))
        return self


@dataclass
class Part:
    """How much a credit invoice credits of a sold row: a quantity at its own price, or for some cents."""

    row: int
    amount: Fraction
    cents: int | None


@dataclass
class Document:
    id: int
    type: str
    customer: int
    rows: list[Row]
    created: int
    earns: bool
    from_shelf: bool
    sources: list[int]
    credits: int = 0
    voids: bool = False
    number: int = 0
    rate: Fraction | None = None
    """At which it earned."""
    parts: list[Part] = field(default_factory=list)
    given: list[GivenBack] = field(default_factory=list)

    @property
    def net(self) -> int:
        return sum(row.net for row in self.rows)

    @property
    def total(self) -> int:
        return self.net + sum(row.vat for row in self.rows)

    def points(self) -> int:
        """Of a sale: a part of a point is a point."""
        assert self.rate is not None
        return max(0, math.ceil(sum(row.net for row in self.rows if row.earns) * self.rate / 100))


@dataclass
class Issued:
    """An issued coupon."""

    id: int
    coupon: int
    customer: int
    document: int
    last_day: str
    used: bool = False
    used_on: int = 0
    """The document, which a correction may name though the coupon is not used."""


@dataclass
class Oracle:
    """What the server should know."""

    points: Points
    settings: dict[str, str] = field(
        default_factory=lambda: {
            "negative_balance": "refuse",
            "failed_invoice": "execute",
            "reward_points_per_currency_unit": "1",
            "reward_points_duration": "0",
            "return_redeemed_points": "0",
            "returns_below_zero": "allow",
            "returned_points_grace_days": "0",
            "pending_hours": "0",
            "daily_adjustment_cap": "0",
        }
    )
    disabled: dict[int, int] = field(default_factory=dict)
    """Every customer, and whether they earn no points."""
    no_points: set[int] = field(default_factory=set)
    """Products that earn nothing."""
    documents: dict[int, Document] = field(default_factory=dict)
    numbers: defaultdict[str, int] = field(default_factory=lambda: defaultdict(lambda: 100_000))
    uuids: dict[str, int] = field(default_factory=dict)
    payments: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Document and cents."""
    cards: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By code: the documents they were sold and used on."""
    coupons: dict[int, int] = field(default_factory=dict)
    """What each costs."""
    issued: dict[str, Issued] = field(default_factory=dict)
    """By identifier."""
    last: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """The last number of each kind of record."""

    @property
    def now(self) -> int:
        return self.points.now

    def _next(self, kind: str) -> int:
        self.last[kind] += 1
        return self.last[kind]

    def answers(self, requests: list[Record]) -> list[tuple[int, Record]]:
        """Code and record of each sub-request of one bulk."""
        found = []
        invoice: Refused | int | None = None
        for request in requests:
            outcome: tuple[int, Record]
            try:
                outcome = 0, self._answer(request, invoice)
            except Refused as refused:
                outcome = refused.code, {}
            if request["requestName"] == "saveSalesDocument":
                invoice = Refused(outcome[0]) if outcome[0] else int(outcome[1]["invoiceID"])
            found.append(outcome)
        return found

    def _answer(self, request: Record, invoice: Refused | int | None) -> Record:
        if "bad" in request:
            raise Refused(request["bad"])
        if PLACEHOLDER in request.values():
            current = self._current(invoice)
            request = {name: current if value == PLACEHOLDER else value for name, value in request.items()}
        handlers: dict[str, Callable[[Record], Record]] = {
            "saveCustomer": self._save_customer,
            "addCustomerRewardPoints": self._add,
            "subtractCustomerRewardPoints": self._subtract,
            "getCustomerRewardPoints": lambda asked: {"points": self.points.balance(self._customer(asked))},
            "editEarnedRewardPointRecord": self._edit_earned,
            "editUsedRewardPointRecord": self._edit_used,
            "saveSalesDocument": self._save_document,
            "deleteSalesDocument": self._delete_document,
            "savePayment": self._save_payment,
            "deletePayment": self._delete_payment,
            "saveGiftCard": self._save_card,
            "saveCoupon": self._save_coupon,
            "deleteCoupon": self._delete_coupon,
            "saveIssuedCoupon": self._issue,
            "redeemIssuedCoupon": self._redeem,
        }
        return handlers[request["requestName"]](request)

    def _current(self, invoice: Refused | int | None) -> int:
        if invoice is None:
            raise Refused(1016)
        if isinstance(invoice, int):
            return invoice
        if invoice.code == 1206:
            raise Refused(1158)
        if self.settings["failed_invoice"] == "refuse":
            raise Refused(1157)
        return 0

    def _customer(self, request: Record, otherwise: int = 0) -> int:
        customer: int = request.get("customerID", otherwise)
        if customer not in self.disabled:
            raise Refused(1011)
        return customer

    def _document(self, request: Record, name: str = "invoiceID", otherwise: int = 0) -> int:
        """The document that a request names; 0 is none."""
        document: int = request.get(name, otherwise)
        if document and document not in self.documents:
            raise Refused(1011)
        return document

    def _save_customer(self, request: Record) -> Record:
        customer = self._customer(request) if "customerID" in request else self._next("customer")
        self.disabled[customer] = request["rewardPointsDisabled"]
        return {"customerID": customer}

    # Points.

    def _may_owe(self) -> bool:
        return self.settings["negative_balance"] == "allow"

    def _add(self, request: Record) -> Record:
        customer, document = self._customer(request), self._document(request)
        created = request.get("createdUnixTime", self.now)
        if (request.get("expiryUnixTime") or FOR_EVER) <= created:
            raise Refused(1016)
        if self.disabled[customer]:
            raise Refused(1072)
        expires = request.get("expiryUnixTime") or self._expiry(created)
        active = self._activation(request.get("pointCategory", "REGULAR"))
        earning = self.points.earn(customer, request["points"], created, expires, document, active=active)
        shown = 0 if earning.expires == FOR_EVER else earning.expires
        return {"transactionID": earning.id, "customerID": customer, "points": earning.points, "expiryUnixTime": shown}

    def _activation(self, category: str) -> int:
        if category == "REGULAR":
            return 0
        hours = int(self.settings["pending_hours"]) if category == "PROMISED" else 0
        return self.now + hours * HOUR if hours else FOR_EVER

    def _expiry(self, created: int) -> int:
        months = int(self.settings["reward_points_duration"])
        if not months:
            return FOR_EVER
        start = datetime.fromtimestamp(created, UTC)
        year, month = start.year + (start.month - 1 + months) // 12, (start.month - 1 + months) % 12 + 1
        day = min(start.day, calendar.monthrange(year, month)[1])
        return int(start.replace(year=year, month=month, day=day).timestamp())

    def _subtract(self, request: Record) -> Record:
        customer, document, asked = self._customer(request), self._document(request), request["points"]
        redemption = self.points.spend(customer, asked, document, may_owe=self._may_owe())
        left = self.points.balance(customer)
        return {
            "transactionID": redemption.id,
            "customerID": customer,
            "remainingPoints": left,
            "subtractedPoints": asked,
        }

    def _edit_earned(self, request: Record) -> Record:
        earning = self._one(self.points.earnings, request["transactionID"])
        customer = self._customer(request, earning.customer)
        self.points.check_move_earning(earning, customer)
        created = request.get("createdUnixTime", earning.created)
        expires = (request["expiryUnixTime"] or FOR_EVER) if "expiryUnixTime" in request else earning.expires
        if expires <= created:
            raise Refused(1016)
        document = self._document(request, otherwise=earning.document)
        self.points.move_earning(earning, customer)
        if (created, expires) != (earning.created, earning.expires):
            self.points.change_times(earning, created, expires)
        earning.document = document
        return {"transactionID": earning.id}

    def _edit_used(self, request: Record) -> Record:
        redemption = self._one(self.points.redemptions, request["transactionID"])
        customer = self._customer(request, redemption.customer)
        self.points.check_move_redemption(redemption, customer, may_owe=self._may_owe())
        document = self._document(request, otherwise=redemption.document)
        self.points.move_redemption(redemption, customer)
        redemption.document = document
        return {"transactionID": redemption.id}

    @staticmethod
    def _one(records: dict[int, Any], number: int) -> Any:
        if number not in records:
            raise Refused(1011)
        return records[number]

    # Documents.

    def _save_document(self, request: Record) -> Record:
        document = self._edited(request) if request.get("id") else self._new(request)
        if request.get("paymentStatus") == "PAID" and document.total > self.paid(document.id):
            self.payments[self._next("payment")] = (document.id, document.total - self.paid(document.id))
        return {
            "invoiceID": str(document.id),
            "invoiceNo": str(document.number),
            "net": document.net / 100,
            "total": document.total / 100,
        }

    def _new(self, request: Record) -> Document:
        uuid = request.get("temporaryUUID")
        if uuid is not None and self.now - self.uuids.get(uuid, -DAY) < DAY:
            raise Refused(1206)
        customer = self._customer(request) if request.get("customerID") else 0
        credits_, source = (request.get(name, 0) for name in ("creditToDocumentID", "baseDocumentID"))
        if credits_ not in {0, *self.documents} or source not in {0, *self.documents}:
            raise Refused(1011)
        if source and self.documents[source].type in INVOICE_TYPES:
            raise Refused(1074)
        document = Document(
            self.last["document"] + 1,
            request["type"],
            customer or (self.documents[credits_].customer if credits_ else 0),
            [],
            self.now,
            request["type"] in EARNING_TYPES and not request.get("doNotAddRewardPoints"),
            request["type"] == "CASHINVOICE",
            [source] if source else [],
            credits=credits_,
            voids=request.get("creditInvoiceType") == "VOID",
        )
        if credits_:
            self._check_credited(document)
            document.from_shelf = self.documents[credits_].from_shelf
        rows = self._rows(request, document)
        if request.get("confirmInvoice", 1):
            self._confirm(document, rows)
        document.rows = rows
        self.documents[self._next("document")] = document
        if uuid is not None:
            self.uuids[uuid] = self.now
        return document

    def _check_credited(self, document: Document) -> None:
        original = self.documents[document.credits]
        if original.type not in EARNING_TYPES or not original.number:
            raise Refused(1016)
        if original.customer != document.customer:
            raise Refused(1013)

    def _rows(self, request: Record, document: Document) -> list[Row]:
        """The rows of a request; what a credit row leaves out of its price is that of the row it credits."""
        numbers = [number for number in range(1, 9) if f"amount{number}" in request]
        rows = [
            Row(
                request[f"productID{number}"],
                Fraction(request[f"amount{number}"]),
                Fraction(request.get(f"price{number}", 0)),
                Fraction(request.get(f"discount{number}", 0)),
                request[f"productID{number}"] not in self.no_points,
            )
            for number in numbers
        ]
        if document.credits and rows:
            original = self.documents[document.credits]
            for number, row, parts in zip(numbers, rows, self._assign(original, rows, document.id), strict=True):
                sold = original.rows[parts[0].row]
                row.price = row.price if f"price{number}" in request else sold.price
                row.discount = row.discount if f"discount{number}" in request else sold.discount
        return [row.priced(from_shelf=document.from_shelf) for row in rows]

    def _edited(self, request: Record) -> Document:
        document: Document = self._one(self.documents, request["id"])
        rows = self._rows(request, document) or document.rows
        new_prices = [(row.net, row.vat, row.price, row.discount) for row in rows] != [
            (row.net, row.vat, row.price, row.discount) for row in document.rows
        ]
        if not document.number:
            if request.get("confirmInvoice"):
                self._confirm(document, rows)
            document.rows = rows
        elif new_prices:
            if document.credits or self.returns_of(document.id):
                raise Refused(1017)
            for row, was in zip(rows, document.rows, strict=True):
                row.earns = was.earns
            self._reprice(document, rows)
        return document

    def _reprice(self, document: Document, rows: list[Row]) -> None:
        """The points of a sale follow its prices."""
        if document.rate is None:
            document.rows = rows
            return
        before = document.points()
        document.rows = rows
        difference = document.points() - before
        earnings = self.points.sale_earnings(document.id)
        if difference > 0:
            customer = earnings[0].customer if earnings else document.customer
            expires = earnings[0].expires if earnings else self._expiry(document.created)
            self.points.earn(customer, difference, document.created, expires, document.id, by_sale=True)
        else:
            self.points.take_back(earnings, -difference, document.id, may_owe=self._returns_may_owe())

    def _confirm(self, document: Document, rows: list[Row]) -> None:
        if document.credits:
            self._credit(document, rows)
        document.rows = rows
        self.numbers[document.type] += 1
        document.number = self.numbers[document.type]
        if document.earns and not self.disabled[document.customer]:
            document.rate = Fraction(self.settings["reward_points_per_currency_unit"])
            if points := document.points():
                expires = self._expiry(document.created)
                self.points.earn(document.customer, points, document.created, expires, document.id, by_sale=True)

    # Returns.

    def _returns_may_owe(self) -> bool:
        return self.settings["returns_below_zero"] == "allow"

    def returns_of(self, sale: int) -> list[Document]:
        return [each for each in self.documents.values() if each.credits == sale and each.number]

    def left_of(self, sale: Document, but_by: int = 0) -> list[Fraction]:
        """The quantity of each row that has not come back."""
        gone = [part for each in self.returns_of(sale.id) if each.id != but_by for part in each.parts]
        return [
            row.amount - sum(part.amount for part in gone if part.row == place) for place, row in enumerate(sale.rows)
        ]

    def is_credited_in_full(self, sale: Document) -> bool:
        returns = self.returns_of(sale.id)
        return any(each.voids for each in returns) or (returns != [] and not any(self.left_of(sale)))

    def _assign(self, sale: Document, rows: Iterable[Row], but_by: int) -> list[list[Part]]:
        """Which sold rows each row credits, in order, as far as there is something left of them."""
        left = self.left_of(sale, but_by)
        assigned = []
        for row in rows:
            wanted = -row.amount
            parts = []
            for place, sold in enumerate(sale.rows):
                if sold.product == row.product and sold.amount * wanted > 0:
                    amount = min(wanted, left[place], key=abs)
                    if amount * wanted > 0:
                        left[place] -= amount
                        wanted -= amount
                        at_price = (row.price, row.discount) == (sold.price, sold.discount)
                        parts.append(Part(place, amount, None if at_price else int(row.net * amount / row.amount)))
            if wanted:
                raise Refused(1016)
            assigned.append(parts)
        return assigned

    @staticmethod
    def _paid_back(sale: Document, returns: Iterable[Document], places: list[int]) -> int:
        """Cents that came back of some rows of a sale: of each row no more than it came to."""
        back = 0
        for place in places:
            row = sale.rows[place]
            parts = [part for each in returns for part in each.parts if part.row == place]
            at_price = int(row.net * sum(part.amount for part in parts if part.cents is None) / row.amount)
            otherwise = sum(part.cents for part in parts if part.cents is not None)
            back += min(row.net, at_price + otherwise) if row.net >= 0 else at_price
        return max(0, min(back, sum(sale.rows[place].net for place in places)))

    def _credit(self, document: Document, rows: list[Row]) -> None:
        self._check_credited(document)
        sale = self.documents[document.credits]
        before, left = self.returns_of(sale.id), self.left_of(sale)
        if self.is_credited_in_full(sale):
            raise Refused(1016)
        if not document.voids:
            document.parts = [part for parts in self._assign(sale, rows, document.id) for part in parts]
        in_full = document.voids or sum(abs(part.amount) for part in document.parts) == sum(map(abs, left))

        def share(points: int, places: list[int]) -> int:
            """The part of the points that goes with what came back of some rows."""
            whole = sum(sale.rows[place].net for place in places)
            back = self._paid_back(sale, [*before, document], places)
            if document.voids or (whole <= 0 and in_full) or (0 < whole == back):
                return points
            return points * back // whole if whole > 0 else 0

        everything = list(range(len(sale.rows)))
        if document.voids or self.settings["return_redeemed_points"] == "1":
            grace = int(self.settings["returned_points_grace_days"]) * DAY
            for redemption in [each for each in self.points.redemptions.values() if each.document == sale.id]:
                points = share(redemption.points, everything) - redemption.returned
                if points > 0:
                    document.given.append(self.points.give_back(redemption, points, grace))
        earned, returned = self.points.earned_by(sale.id)
        due = share(earned, [place for place in everything if sale.rows[place].earns]) - returned
        self.points.take_back(
            self.points.sale_earnings(sale.id), due, document.id, may_owe=self._returns_may_owe(), by_return=True
        )

    def _delete_document(self, request: Record) -> Record:
        document: Document = self._one(self.documents, request["documentID"])
        if self.refers_to(document.id):
            raise Refused(1022)
        if document.credits and document.number:
            self.points.undo_taking(document.id)
            for given in document.given:
                self.points.spend_again(given)
        for earning in reversed(self.points.sale_earnings(document.id)):
            self.points.take_back([earning], earning.points, document.id, may_owe=self._returns_may_owe())
        records: list[Earning | Redemption] = [*self.points.earnings.values(), *self.points.redemptions.values()]
        for record in records:
            record.document = 0 if record.document == document.id else record.document
        del self.documents[document.id]
        return {}

    def follow_ups(self, document: int) -> list[int]:
        """The documents made from it and those that credit it."""
        return [each.id for each in self.documents.values() if document in {*each.sources, each.credits}]

    def refers_to(self, document: int) -> bool:
        """Whether anything but points refers to a document."""
        named = {of for of, _ in self.payments.values()} | {of for both in self.cards.values() for of in both}
        named |= {of for each in self.issued.values() for of in (each.document, each.used_on)}
        return document in named or self.follow_ups(document) != []

    # Payments, gift cards and coupons.

    def paid(self, document: int) -> int:
        return sum(cents for of, cents in self.payments.values() if of == document)

    def _save_payment(self, request: Record) -> Record:
        document = self._document(request, "documentID")
        number = self._next("payment")
        self.payments[number] = (document, rounded(Fraction(request["sum"])))
        return {"paymentID": number}

    def _delete_payment(self, request: Record) -> Record:
        self._one(self.payments, request["paymentID"])
        del self.payments[request["paymentID"]]
        return {}

    def _save_card(self, request: Record) -> Record:
        sold, used = self.cards.get(request["code"], (0, 0))
        self.cards[request["code"]] = (
            self._document(request, "purchaseInvoiceID", sold),
            self._document(request, "redemptionInvoiceID", used),
        )
        return {}

    def _save_coupon(self, request: Record) -> Record:
        number = request.get("couponID", 0)
        if number:
            self._one(self.coupons, number)
        else:
            number = self._next("coupon")
        self.coupons[number] = request["printingCostInRewardPoints"]
        return {"couponID": number}

    def _delete_coupon(self, request: Record) -> Record:
        self._one(self.coupons, request["couponID"])
        if any(each.coupon == request["couponID"] for each in self.issued.values()):
            raise Refused(1022)
        del self.coupons[request["couponID"]]
        return {}

    def _issue(self, request: Record) -> Record:
        if request.get("issuedCouponID"):
            return self._correct_coupon(request)
        cost: int = self._one(self.coupons, request["couponID"])
        document = self._document(request)
        customer = self._customer(request) if request.get("customerID") else 0
        if request["uniqueIdentifier"] in self.issued:
            raise Refused(1012)
        cost = 0 if request.get("doNotSubtractRewardPoints") else cost
        if cost and not customer:
            raise Refused(1010)
        if cost and self.disabled[customer]:
            raise Refused(1072)
        number = self.last["issued"] + 1
        if cost:
            self.points.spend(customer, cost, document, may_owe=self._may_owe(), coupon=number)
        coupon = Issued(self._next("issued"), request["couponID"], customer, document, request.get("expiryDate", ""))
        self.issued[request["uniqueIdentifier"]] = coupon
        return {"issuedCouponID": number, "printingCostInRewardPoints": cost}

    def _correct_coupon(self, request: Record) -> Record:
        """A correction takes no points and gives none."""
        coupon = self._one({each.id: each for each in self.issued.values()}, request["issuedCouponID"])
        document = self._document(request, otherwise=coupon.document)
        used_on = self._document(request, "redeemedInvoiceID", coupon.used_on)
        coupon.document, coupon.used_on = document, used_on
        if request.get("redeemedTimestamp") == 0:
            coupon.used = False
        return {"issuedCouponID": coupon.id, "printingCostInRewardPoints": 0}

    def _redeem(self, request: Record) -> Record:
        if request["uniqueIdentifier"] not in self.issued:
            raise Refused(1040)
        coupon = self.issued[request["uniqueIdentifier"]]
        document = self._document(request)
        if coupon.used:
            raise Refused(1041)
        if coupon.last_day and coupon.last_day < self.today():
            raise Refused(1045)
        coupon.used, coupon.used_on = True, document
        return {"issuedCouponID": coupon.id}

    def today(self, days: int = 0) -> str:
        return datetime.fromtimestamp(self.now + days * DAY, UTC).strftime("%Y-%m-%d")

    def state_of(self, coupon: Issued) -> str:
        if coupon.used:
            return "REDEEMED"
        return "EXPIRED" if coupon.last_day and coupon.last_day < self.today() else "ACTIVE"

    def what_is_left(self) -> dict[int, list[tuple[str, str]]]:
        """The documents not credited in full, with product and quantity of what is left of their rows."""
        return {
            each.id: [
                (str(row.product), str(float(left)))
                for row, left in zip(each.rows, self.left_of(each), strict=True)
                if left
            ]
            for each in self.documents.values()
            if not self.is_credited_in_full(each)
        }
