"""Requests that a till might send, made up at random.

A record is meant, not named: `("sale", 0)` is the latest sale, `("sale", 1)` the one before; whoever sends the request
puts its number there. In the same way moments are seconds from now, last days are days from today, `("row", 1)` is
what the second row of the credited sale sold, and `prices` are those that the rows of a document are to get.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from calls.points_oracle import DAY, HOUR
from oracle import PLACEHOLDER, Oracle, Record

Meant = tuple[str, int]

NEXT = 9
"""In place of which record: the one that will be made next, perhaps earlier in the same bulk."""

EARNED, USED = "editEarnedRewardPointRecord", "editUsedRewardPointRecord"
PRICES = ("0.01", "1.99", "3.335", "7.77", "10", "20.835")
WAITS = (1, HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 31 * DAY)
SETTINGS = {
    "negative_balance": ("allow", "refuse"),
    "failed_invoice": ("execute", "refuse"),
    "return_redeemed_points": ("0", "1", "1"),
    "returns_below_zero": ("allow", "floor"),
    "returned_points_grace_days": ("0", "0", "2"),
    "reward_points_per_currency_unit": ("0.5", "2.25", "1", "0"),
    "reward_points_duration": ("1", "0"),
}


def settings(random: Random) -> dict[str, str]:
    """A value for every setting."""
    return {name: random.choice(values) for name, values in SETTINGS.items()}


def customer(random: Random) -> int:
    """One of few, so that much happens to each; now and then one that is not there."""
    return random.choices((1, 2, 3, 9), (10, 6, 1, 1))[0]


def meant(random: Random, kind: str) -> Meant:
    return kind, random.choice((0, 0, 0, 1, 1, 2, 3, 4, 5, NEXT))


def document(random: Random) -> int | Meant:
    """A document to refer to, or none."""
    return random.choice((0, meant(random, "sale"), meant(random, "sale"), meant(random, "document")))


def current(random: Random) -> str | int | Meant:
    return random.choice((PLACEHOLDER, document(random), document(random)))


def call(random: Random, name: str, **params: Any) -> Record:
    """A request; of the parameters that are functions each is there every other time."""
    request: Record = {"requestName": name}
    for key, value in params.items():
        if not callable(value):
            request[key] = value
        elif random.random() < 0.5:
            request[key] = value()
    return request


def sale(random: Random) -> Record:
    request = call(random, "saveSalesDocument", customerID=customer(random))
    request["type"] = random.choice(("CASHINVOICE", "INVWAYBILL", "INVOICE"))
    for row in range(1, random.choice((1, 1, 2, 3)) + 1):
        request[f"productID{row}"] = random.choice((1, 1, 1, 2, 3))
        request[f"amount{row}"] = random.choice(("1", "2", "3", "0.5", "-1"))
        request[f"price{row}"] = random.choice(PRICES)
        request[f"discount{row}"] = random.choice((0, 0, 10, 33))
    odd: Sequence[Record] = (
        {"type": random.choice(("ORDER", "CREDITINVOICE"))},
        {"confirmInvoice": 0},
        {"doNotAddRewardPoints": 1},
        {"temporaryUUID": random.choice("ab")},
        {"paymentStatus": "PAID"},
        {"baseDocumentID": meant(random, "document")},
    )
    return request | random.choice((*odd, {}, {}, {}, {}, {}))


def credit(random: Random) -> Record:
    """A credit invoice, or a VOID."""
    request = call(random, "saveSalesDocument", type="CREDITINVOICE", creditToDocumentID=meant(random, "sale"))
    if random.random() < 0.05:
        request["customerID"] = customer(random)
    if random.random() < 0.1:
        request["confirmInvoice"] = 0
    if random.random() < 0.12:
        return request | {"creditInvoiceType": "VOID"}
    for row in range(1, random.choice((1, 1, 2)) + 1):
        request[f"productID{row}"] = random.choice((("row", 0), ("row", 1), ("row", 2), random.choice((1, 2, 3))))
        request[f"amount{row}"] = random.choice(("-1", "-1", "-2", "-3", "-0.5", "1"))
        if random.random() < 0.3:
            request[f"price{row}"] = random.choice(PRICES)
    return request


def earning(random: Random) -> Record:
    return call(
        random,
        "addCustomerRewardPoints",
        customerID=customer(random),
        points=random.randint(1, 50),
        invoiceID=lambda: document(random),
        createdUnixTime=lambda: random.choice((-10 * DAY, -DAY, -1, HOUR)),
        expiryUnixTime=lambda: random.choice((HOUR, DAY, 4 * DAY, 10 * DAY, 40 * DAY)),
    )


def redemption(random: Random) -> Record:
    points = random.randint(1, 40)
    name = "subtractCustomerRewardPoints"
    return call(random, name, customerID=customer(random), points=points, invoiceID=lambda: current(random))


def correction(random: Random) -> Record:
    """Another customer, sale or expiry for a record of the histories."""
    earned, used = (
        {"requestName": name, "transactionID": meant(random, kind)}
        for name, kind in ((EARNED, "earning"), (USED, "redemption"))
    )
    times = {"createdUnixTime": -5 * DAY, "expiryUnixTime": random.choice((-DAY, 4 * DAY, 6 * DAY, 9 * DAY))}
    return random.choice(
        (
            *(earned | times, earned | times),
            *(kind | {"customerID": customer(random)} for kind in (earned, used)),
            *(kind | {"invoiceID": document(random)} for kind in (earned, used)),
        )
    )


def coupon(random: Random) -> Record:
    return call(
        random,
        "saveIssuedCoupon",
        couponID=random.choice((1, 1, 1, 2, 3)),
        uniqueIdentifier=str(random.randint(1, 9)),
        customerID=customer(random),
        invoiceID=lambda: current(random),
        doNotSubtractRewardPoints=lambda: random.choice((0, 1)),
        expiryDate=lambda: random.randint(-1, 3),
    )


def card(random: Random) -> Record:
    """A gift card, sold or used on a sale, or on none any more."""
    roles = ("purchaseInvoiceID", "redemptionInvoiceID")
    named = random.choice(({random.choice(roles): current(random)}, dict.fromkeys(roles, 0)))
    return call(random, "saveGiftCard", code=random.choice("AB"), value=5) | named


def voucher(random: Random) -> Record:
    """What else is done with coupons and gift cards."""
    issued = call(random, "saveIssuedCoupon", issuedCouponID=meant(random, "coupon"))
    cost = random.choice((0, 5, 20))
    return random.choice(
        (
            call(random, "saveCoupon", printingCostInRewardPoints=cost, couponID=lambda: random.choice((1, 3))),
            call(random, "deleteCoupon", couponID=random.choice((1, 2, 3))),
            issued | call(random, "saveIssuedCoupon", redeemedInvoiceID=document(random), invoiceID=lambda: 0),
            issued | {"redeemedTimestamp": 0},
            *(_use_of_coupon(random), _use_of_coupon(random)),
            *(card(random), card(random)),
        )
    )


def _use_of_coupon(random: Random) -> Record:
    identifier = str(random.randint(1, 9))
    return call(random, "redeemIssuedCoupon", uniqueIdentifier=identifier, invoiceID=lambda: current(random))


def payment(random: Random) -> Record:
    paid = random.choice((PLACEHOLDER, meant(random, "sale"), meant(random, "sale")))
    return call(random, "savePayment", documentID=paid, sum=random.choice(("1.00", "12.345", "-3")))


def edit(random: Random) -> Record:
    """Of a document: mostly of its prices."""
    prices = {"prices": [random.choice(PRICES) for _ in range(3)]}
    changed = random.choice((prices, prices, {"confirmInvoice": 1}, {"paymentStatus": "PAID"}))
    return call(random, "saveSalesDocument", id=meant(random, "document"), **changed)


def deletion(random: Random) -> Record:
    kind = random.choice(("credit", "credit", "document", "payment"))
    if kind == "payment":
        return call(random, "deletePayment", paymentID=meant(random, kind))
    return call(random, "deleteSalesDocument", documentID=meant(random, kind))


def other(random: Random) -> Record:
    disabled = random.choice((0, 0, 0, 1))
    return random.choice(
        (
            call(random, "saveCustomer", customerID=customer(random), rewardPointsDisabled=disabled),
            call(random, "saveCustomer", lastName="Tamm", rewardPointsDisabled=disabled),
            call(random, "getCustomerRewardPoints", customerID=customer(random)),
            {"bad": 1005, "requestName": "noSuchCall"},
            {"bad": 1010, "requestName": "subtractCustomerRewardPoints", "customerID": 1},
            {"bad": 1014, "requestName": "subtractCustomerRewardPoints", "customerID": 1, "points": "1.5"},
            {"bad": 1016, "requestName": "subtractCustomerRewardPoints", "customerID": 1, "points": 0},
            {"bad": 1014, "requestName": "addCustomerRewardPoints", "customerID": 1, "points": "many"},
        )
    )


def bad_sale(random: Random) -> Record:
    document = {"requestName": "saveSalesDocument", "customerID": 1, "productID1": 1}
    return document | random.choice(
        ({"bad": 1010}, {"bad": 1016, "amount1": 0}, {"bad": 1011, "amount1": 1, "vatrateID1": 99})
    )


KINDS: dict[Callable[[Random], Record], int] = {
    sale: 6,
    credit: 9,
    deletion: 6,
    edit: 7,
    earning: 4,
    redemption: 7,
    correction: 9,
    coupon: 4,
    voucher: 5,
    payment: 2,
    other: 3,
}
"""How often each is sent."""


def request(random: Random) -> Record:
    (kind,) = random.choices(tuple(KINDS), tuple(KINDS.values()))
    return kind(random)


def receipts(random: Random) -> list[Record]:
    """A bulk of sales, some of which fail, and of what refers to them."""
    bulk = []
    for _ in range(random.randint(1, 3)):
        bulk.append(random.choice((sale, sale, bad_sale))(random))
        for _ in range(random.randint(0, 2)):
            follows = random.choice((redemption, coupon, payment, card, _use_of_coupon))(random)
            bulk.append(follows | {_reference(follows): PLACEHOLDER})
    return bulk


def _reference(follows: Record) -> str:
    """The field by which a request refers to a sale."""
    fields = {"savePayment": "documentID", "saveGiftCard": "purchaseInvoiceID"}
    return fields.get(follows["requestName"], "invoiceID")


def story(random: Random) -> list[int | list[Record]]:
    """Bulks, and seconds between them: a customer pays with points, goods come back, and either was a mistake.

    Now and then the prices were wrong, too.
    """
    whose = {"customerID": customer(random)}
    bought = {name: value for name, value in sale(random).items() if name != "confirmInvoice"}
    on_it = random.choice((redemption, redemption, redemption, coupon, _use_of_coupon, card))(random)
    back = {name: value for name, value in credit(random).items() if name not in {"confirmInvoice", "customerID"}}
    back |= {"creditToDocumentID": ("sale", 0)} | random.choice(({}, {"creditInvoiceType": "VOID"}))
    repriced = edit(random) | {"id": ("sale", 0)} if random.random() < 0.3 else request(random)
    mistake = random.choice(("credit", "credit", "sale"))
    return [
        [earning(random) | whose, bought | whose, on_it | whose | {_reference(on_it): PLACEHOLDER}],
        random.choice(WAITS),
        [repriced],
        [back] if mistake == "credit" else [request(random)],
        random.choice(WAITS),
        [request(random), call(random, "deleteSalesDocument", documentID=(mistake, 0))],
    ]


def as_sent(drawn: Record, oracle: Oracle) -> Record:
    """A request with numbers, products, prices and moments in place of what they were drawn as."""
    request = dict(drawn)
    for name, value in drawn.items():
        if isinstance(value, tuple):
            kind, which = value
            request[name] = _product(oracle, request, which) if kind == "row" else _number(oracle, kind, which)
    prices = request.pop("prices", None)
    document = oracle.documents.get(request.get("id", 0))
    if prices and document is not None:
        for number, (row, price) in enumerate(zip(document.rows, prices, strict=False), start=1):
            request[f"productID{number}"] = row.product
            request[f"amount{number}"] = str(float(row.amount))
            request[f"price{number}"] = price
            request[f"discount{number}"] = str(float(row.discount))
    created = oracle.now + request.get("createdUnixTime", 0)
    if "createdUnixTime" in request:
        request["createdUnixTime"] = created
    if "expiryUnixTime" in request:
        request["expiryUnixTime"] += created
    if "expiryDate" in request:
        request["expiryDate"] = oracle.today(request["expiryDate"])
    return request


def _number(oracle: Oracle, kind: str, which: int) -> int:
    points = oracle.points
    known: dict[str, list[int]] = {
        "document": list(oracle.documents),
        "sale": [each.id for each in oracle.documents.values() if not each.credits],
        "credit": [each.id for each in oracle.documents.values() if each.credits],
        "earning": list(points.earnings),
        "redemption": list(points.redemptions),
        "payment": list(oracle.payments),
        "coupon": [each.id for each in oracle.issued.values()],
    }
    found = sorted(known[kind], reverse=True)
    return found[which % len(found)] if found and which != NEXT else max(found, default=0) + 1


def _product(oracle: Oracle, credit: Record, which: int) -> int:
    """What a row of the sale sold that is to be credited."""
    sale = oracle.documents.get(credit["creditToDocumentID"])
    return sale.rows[which % len(sale.rows)].product if sale and sale.rows else 1
