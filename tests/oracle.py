"""What the server should do, in the plainest words: an oracle written from the protocol's rules.

It imports nothing of the server. Points are whole, everything stands in lists, and nothing is ever stored: a lot that
has expired is simply not counted any more. Requests are what a client sends; one with the key `bad` is refused with
that code.
"""

import calendar
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

Record = dict[str, Any]

HOUR, DAY = 3_600, 86_400
FOR_EVER = 10**12
EARNING_TYPES = {"INVWAYBILL", "CASHINVOICE", "EXPORTINVOICE", "INVOICE"}


class Refused(Exception):
    """The oracle's refusal: an error code."""

    @property
    def code(self) -> int:
        code: int = self.args[0]
        return code


@dataclass
class Lot:
    id: int
    customer: int
    earned: int
    remaining: int
    created: int
    expires: int
    document: int = 0


@dataclass
class Document:
    id: int
    type: str
    customer: int
    net: Fraction
    created: int
    earns: bool
    number: int = 0


@dataclass
class Oracle:
    """What the server should know."""

    now: int
    settings: dict[str, str] = field(
        default_factory=lambda: {
            "negative_balance": "refuse",
            "failed_invoice": "execute",
            "reward_points_per_currency_unit": "1",
            "reward_points_duration": "0",
        }
    )
    disabled: dict[int, int] = field(default_factory=dict)
    """Every customer, and whether they earn no points."""
    lots: list[Lot] = field(default_factory=list)
    spent: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Redemptions: transaction, customer, points, document."""
    owed: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    documents: list[Document] = field(default_factory=list)
    numbers: defaultdict[str, int] = field(default_factory=lambda: defaultdict(lambda: 100_000))
    uuids: dict[str, int] = field(default_factory=dict)

    def open_lots(self, customer: int) -> list[Lot]:
        """Soonest expiry first, then oldest."""
        mine = (lot for lot in self.lots if lot.customer == customer and lot.remaining and lot.expires > self.now)
        return sorted(mine, key=lambda lot: (lot.expires, lot.created, lot.id))

    def balance(self, customer: int) -> int:
        return sum(lot.remaining for lot in self.open_lots(customer)) - self.owed[customer]

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
        if request.get("invoiceID") == "CURRENT_INVOICE_ID":
            request = {**request, "invoiceID": self._current(invoice)}
        handlers: dict[str, Callable[[Record], Record]] = {
            "saveCustomer": self._save_customer,
            "addCustomerRewardPoints": self._add,
            "subtractCustomerRewardPoints": self._subtract,
            "getCustomerRewardPoints": lambda asked: {"points": self.balance(self._customer(asked))},
            "saveSalesDocument": self._sell,
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

    def _customer(self, request: Record) -> int:
        customer: int = request["customerID"]
        if customer not in self.disabled:
            raise Refused(1011)
        return customer

    def _check_invoice(self, request: Record) -> int:
        document: int = request.get("invoiceID", 0)
        if document > len(self.documents):
            raise Refused(1011)
        return document

    def _save_customer(self, request: Record) -> Record:
        customer = self._customer(request) if "customerID" in request else len(self.disabled) + 1
        self.disabled[customer] = request["rewardPointsDisabled"]
        return {"customerID": customer}

    def _next_transaction(self) -> int:
        return len(self.lots) + len(self.spent) + 1

    def _add(self, request: Record) -> Record:
        customer, document = self._customer(request), self._check_invoice(request)
        if self.disabled[customer]:
            raise Refused(1072)
        lot = self._earn(
            customer,
            request["points"],
            request.get("createdUnixTime", self.now),
            request.get("expiryUnixTime"),
            document,
        )
        shown = 0 if lot.expires == FOR_EVER else lot.expires
        return {"transactionID": lot.id, "customerID": customer, "points": lot.earned, "expiryUnixTime": shown}

    def _earn(self, customer: int, earned: int, created: int, expires: int | None, document: int) -> Lot:
        lot = Lot(
            self._next_transaction(), customer, earned, earned, created, expires or self._expiry(created), document
        )
        self.lots.append(lot)
        if lot.expires > self.now:  # What is owed is repaid at once.
            repaid = min(self.owed[customer], earned)
            lot.remaining -= repaid
            self.owed[customer] -= repaid
        return lot

    def _expiry(self, created: int) -> int:
        months = int(self.settings["reward_points_duration"])
        if not months:
            return FOR_EVER
        start = datetime.fromtimestamp(created, UTC)
        year, month = start.year + (start.month - 1 + months) // 12, (start.month - 1 + months) % 12 + 1
        day = min(start.day, calendar.monthrange(year, month)[1])
        return int(start.replace(year=year, month=month, day=day).timestamp())

    def _subtract(self, request: Record) -> Record:
        customer, document, asked = self._customer(request), self._check_invoice(request), request["points"]
        open_lots = self.open_lots(customer)
        if asked > sum(lot.remaining for lot in open_lots) and self.settings["negative_balance"] == "refuse":
            raise Refused(1042)
        missing = asked
        for lot in open_lots:
            paid = min(lot.remaining, missing)
            lot.remaining -= paid
            missing -= paid
        self.owed[customer] += missing
        transaction = self._next_transaction()
        self.spent.append((transaction, customer, asked, document))
        left = self.balance(customer)
        return {
            "transactionID": transaction,
            "customerID": customer,
            "remainingPoints": left,
            "subtractedPoints": asked,
        }

    def _sell(self, request: Record) -> Record:
        if "id" in request:
            if request["id"] > len(self.documents):
                raise Refused(1011)
            document = self.documents[request["id"] - 1]
            confirmed_now = not document.number
        else:
            document = self._new_document(request)
            self.documents.append(document)
            confirmed_now = request.get("confirmInvoice", 1) == 1
        if confirmed_now:
            self.numbers[document.type] += 1
            document.number = self.numbers[document.type]
            earned = math.ceil(document.net * Fraction(self.settings["reward_points_per_currency_unit"]))
            if earned > 0 and document.earns and not self.disabled[document.customer]:
                self._earn(document.customer, earned, document.created, None, document.id)
        return {"invoiceID": str(document.id), "invoiceNo": str(document.number), "net": float(document.net)}

    def _new_document(self, request: Record) -> Document:
        uuid = request.get("temporaryUUID")
        if uuid is not None and self.now - self.uuids.get(uuid, -DAY) < DAY:
            raise Refused(1206)
        customer = self._customer(request)
        if uuid is not None:
            self.uuids[uuid] = self.now
        earns = request["type"] in EARNING_TYPES and not request.get("doNotAddRewardPoints")
        return Document(len(self.documents) + 1, request["type"], customer, net_of(request), self.now, earns)


def rounded(value: Fraction, decimals: int) -> Fraction:
    """Half away from zero."""
    scaled = abs(value) * 10**decimals
    return Fraction(math.floor(scaled + Fraction(1, 2)), 10**decimals) * (1 if value >= 0 else -1)


def net_of(request: Record) -> Fraction:
    """The net total of a document of one row at 20 %; receipts are computed from the price with tax."""
    amount, price = Fraction(request["amount1"]), Fraction(request["price1"])
    kept = Fraction(100 - request["discount1"], 100)
    if request["type"] != "CASHINVOICE":
        return rounded(rounded(price * kept, 4) * amount, 2)
    gross = rounded(rounded(price * Fraction(120, 100) * kept, 2) * amount, 2)
    return gross - rounded(gross * 20 / 120, 2)
