"""What customers must have after sales, returns, deletions and corrections: a second opinion without lots.

Written from docs/decisions/0013-returns.md and 0014-corrections.md, importing nothing of the server. As long as
nothing expires a balance is no more than a sum:

    earned, less what returns took of it, less what was spent and not given back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Request = dict[str, Any]


class Refused(Exception):
    """With Erply's code."""


@dataclass
class Row:
    product: int
    quantity: int
    price: int | None
    """Cents."""


@dataclass
class Part:
    """How much a credit invoice credits of a sold row: pieces at its own price, or pieces and cents at another."""

    row: int
    pieces: int
    cents: int | None


@dataclass
class Document:
    number: int
    kind: str
    customer: int
    rows: list[Row]
    confirmed: bool = False
    credits: int = 0
    voids: bool = False
    parts: list[Part] = field(default_factory=list)
    given: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Earning:
    customer: int
    points: int
    document: int
    by_sale: bool


@dataclass
class Redemption:
    customer: int
    points: int
    document: int
    returned: int = 0


@dataclass
class TakenBack:
    earning: int
    document: int
    points: int
    forgiven: int


class Oracle:
    def __init__(self) -> None:
        self.documents: dict[int, Document] = {}
        self.earnings: dict[int, Earning] = {}
        self.redemptions: dict[int, Redemption] = {}
        self.taken: dict[int, TakenBack] = {}
        self.settings = {"return_redeemed_points": "0", "returns_below_zero": "allow", "negative_balance": "refuse"}
        self.last_document = self.last_transaction = 0

    def balance(self, customer: int) -> int:
        mine = {number: one for number, one in self.earnings.items() if one.customer == customer}
        return (
            sum(one.points for one in mine.values())
            - sum(one.points - one.forgiven for one in self.taken.values() if one.earning in mine)
            - sum(one.points - one.returned for one in self.redemptions.values() if one.customer == customer)
        )

    def transaction(self) -> int:
        self.last_transaction += 1
        return self.last_transaction

    def do(self, request: Request) -> None:
        """Carry out a request. Raises Refused, with nothing changed."""
        methods: dict[str, Callable[[Request], None]] = {
            "addCustomerRewardPoints": self.add,
            "subtractCustomerRewardPoints": self.subtract,
            "editEarnedRewardPointRecord": self.edit_earned,
            "editUsedRewardPointRecord": self.edit_used,
            "saveSalesDocument": self.save,
            "deleteSalesDocument": self.delete,
        }
        methods[request["requestName"]](request)

    def document(self, number: int) -> Document:
        if number not in self.documents:
            raise Refused(1011)
        return self.documents[number]

    # Points.

    def reference(self, request: Request, otherwise: int = 0) -> int:
        """The document that a request names."""
        number: int = request.get("invoiceID", otherwise)
        if number:
            self.document(number)
        return number

    def add(self, request: Request) -> None:
        document = self.reference(request)
        self.earnings[self.transaction()] = Earning(request["customerID"], request["points"], document, by_sale=False)

    def subtract(self, request: Request) -> None:
        document = self.reference(request)
        customer, points = request["customerID"], request["points"]
        if points > self.balance(customer) and self.settings["negative_balance"] == "refuse":
            raise Refused(1042)
        self.redemptions[self.transaction()] = Redemption(customer, points, document)

    def edit_earned(self, request: Request) -> None:
        number = request["transactionID"]
        one = self.earnings.get(number)
        if one is None:
            raise Refused(1011)
        customer = request.get("customerID", one.customer)
        if customer != one.customer:
            if any(each.points for each in self.taken.values() if each.earning == number):
                raise Refused(1016)
            if one.points > self.balance(one.customer):
                raise Refused(1042)
        one.document = self.reference(request, one.document)
        one.customer = customer

    def edit_used(self, request: Request) -> None:
        one = self.redemptions.get(request["transactionID"])
        if one is None:
            raise Refused(1011)
        customer = request.get("customerID", one.customer)
        points = one.points - one.returned
        may_owe = not points or self.settings["negative_balance"] == "allow"
        if customer != one.customer and points > self.balance(customer) and not may_owe:
            raise Refused(1042)
        one.document = self.reference(request, one.document)
        one.customer = customer

    # Documents.

    def save(self, given: Request) -> None:
        if given.get("id"):
            document = self.document(given["id"])
            if not document.confirmed:
                self.confirm(document)
            return
        rows = []
        for number in range(1, 9):
            if f"amount{number}" in given:
                price = given.get(f"price{number}")
                cents = None if price is None else round(float(price) * 100)
                rows.append(Row(given[f"productID{number}"], given[f"amount{number}"], cents))
        number = self.last_document + 1
        credited = given.get("creditToDocumentID", 0)
        if not credited:
            document = Document(number, "sale", given["customerID"], rows)
        else:
            original = self.document(credited)
            if original.kind != "sale" or not original.confirmed:
                raise Refused(1016)
            voids = given.get("creditInvoiceType") == "VOID"
            document = Document(number, "credit", original.customer, rows, credits=credited, voids=voids)
            for row, parts in zip(rows, self.assign(original, rows), strict=True):
                row.price = original.rows[parts[0].row].price if row.price is None else row.price
        if given.get("confirmInvoice", 1):
            self.confirm(document)
        self.documents[number] = document
        self.last_document = number

    def confirm(self, document: Document) -> None:
        if document.kind == "credit":
            self.credit(document)
        else:
            cents = sum(row.quantity * (row.price or 0) for row in document.rows)
            if cents > 0:
                points = -(-cents // 100)
                self.earnings[self.transaction()] = Earning(document.customer, points, document.number, by_sale=True)
        document.confirmed = True

    def returns_of(self, number: int) -> list[Document]:
        return [one for one in self.documents.values() if one.credits == number and one.confirmed]

    def left(self, sale: Document) -> list[int]:
        """Pieces of each row that have not come back."""
        gone = [part for one in self.returns_of(sale.number) for part in one.parts]
        return [
            row.quantity - sum(part.pieces for part in gone if part.row == place) for place, row in enumerate(sale.rows)
        ]

    def assign(self, sale: Document, rows: list[Row]) -> list[list[Part]]:
        """Which sold rows each row credits, in order, as far as there is something left of them."""
        left = self.left(sale)
        assigned = []
        for row in rows:
            wanted = -row.quantity
            parts = []
            for place, sold in enumerate(sale.rows):
                pieces = min(wanted, left[place]) if sold.product == row.product else 0
                if pieces > 0:
                    left[place] -= pieces
                    wanted -= pieces
                    own = row.price in {None, sold.price}
                    parts.append(Part(place, pieces, None if own else pieces * (row.price or 0)))
            if wanted:
                raise Refused(1016)
            assigned.append(parts)
        return assigned

    def credit(self, document: Document) -> None:
        sale = self.document(document.credits)
        before = self.returns_of(sale.number)
        if any(one.voids for one in before) or (before and not any(self.left(sale))):
            raise Refused(1016)
        if not document.voids:
            document.parts = [part for parts in self.assign(sale, document.rows) for part in parts]
        whole = sum(row.quantity * (row.price or 0) for row in sale.rows)
        back = whole if document.voids else self.paid_back(sale, [*before, document])
        if document.voids or self.settings["return_redeemed_points"] == "1":
            for number, one in self.redemptions.items():
                points = one.points * back // whole - one.returned if one.document == sale.number else 0
                if points > 0:
                    one.returned += points
                    document.given.append((number, points))
        for number, earning in sorted(self.earnings.items()):
            if earning.document == sale.number and earning.by_sale:
                taken = sum(each.points for each in self.taken.values() if each.earning == number)
                self.take_back(number, earning.points * back // whole - taken, document.number)

    @staticmethod
    def paid_back(sale: Document, returns: list[Document]) -> int:
        """Cents that came back of a sale: of each row no more than it came to."""
        total = 0
        for place, row in enumerate(sale.rows):
            parts = [part for one in returns for part in one.parts if part.row == place]
            price = row.price or 0
            cents = sum(part.pieces * price if part.cents is None else part.cents for part in parts)
            total += min(row.quantity * price, cents)
        return total

    def take_back(self, number: int, points: int, document: int) -> None:
        if points > 0:
            there = max(0, self.balance(self.earnings[number].customer))
            forgiven = max(0, points - there) if self.settings["returns_below_zero"] == "floor" else 0
            self.taken[self.transaction()] = TakenBack(number, document, points, forgiven)

    def delete(self, given: Request) -> None:
        number = given["documentID"]
        document = self.document(number)
        if any(one.credits == number for one in self.documents.values()):
            raise Refused(1022)
        if document.kind == "credit" and document.confirmed:
            for one in self.taken.values():
                if one.document == number:
                    one.points = one.forgiven = 0
            for redemption, points in document.given:
                self.redemptions[redemption].returned -= points
        for one_earning, earning in sorted(self.earnings.items()):
            if earning.document == number and earning.by_sale:
                taken = sum(each.points for each in self.taken.values() if each.earning == one_earning)
                self.take_back(one_earning, earning.points - taken, number)
        records: list[Earning | Redemption] = [*self.earnings.values(), *self.redemptions.values()]
        for record in records:
            record.document = 0 if record.document == number else record.document
        del self.documents[number]
