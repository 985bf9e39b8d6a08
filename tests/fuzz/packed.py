"""HTTP requests as plain bytes, for a fuzzer that knows of nothing else: any bytes are some request.

The first byte says where it goes, the second how: content type, who asks, key. Up to the first line feed stands what is
in the URL, the rest is the body. Account and session stand in headers, so that bytes need not hold what changes.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from erply_points import schemas
from fuzz.inputs import CONTENT_TYPES, FORM, GOOD, JSON, NAMES, Input, Keys, Maker, as_form, as_json

SIZE_MAX: Final = 4_096
PROFILE: Final = b"PROFILE"
"""Stands for the profile of a customer, which is another one in each account."""
MADE_SEEDS: Final = 300


@dataclass(frozen=True, slots=True)
class Way:
    """Where a request goes. `schema` is that of its body, `answer` that of the answer; Erply's are held elsewhere."""

    method: str
    path: str
    schema: str = ""
    answer: str = ""


_ERPLY: Final = Way("POST", "/api/")
WAYS: Final = (
    *(_ERPLY, _ERPLY, _ERPLY, _ERPLY, _ERPLY, _ERPLY, Way("GET", "/api/")),
    *(
        Way("POST", f"/v2/customers/{customer}/negativePointsAdjustment", *both)
        for both in [("capillary/negativePointsAdjustment",) * 2]
        for customer in ("lookup", "{}")
    ),
    Way("POST", "/v3/oauth/token/generate", "capillary/tokenGenerate", "capillary/tokenGenerate"),
    Way("POST", "/v1/members/points-adjustment", "fabric/points-adjustment", "fabric/points-adjustment"),
    Way("POST", "/v1/members/points-activate", "fabric/points-activate", "fabric/points-activate"),
    Way("POST", "/v1/members", "fabric/members", "fabric/members"),
    Way("GET", "/v1/inquire/{}/member-points", "", "fabric/member-points"),
    Way("POST", "/oauth2/{}/v1/token", "", "fabric/token"),
    Way("GET", "/schemas/{}"),
)
_NO_SESSION, _STRANGER, _KEYED, _BASIC = 0x10, 0x20, 0x40, 0x80


@dataclass(frozen=True, slots=True)
class Packed:
    """The parts of such bytes."""

    way: int
    options: int
    head: bytes
    body: bytes

    def __bytes__(self) -> bytes:
        return bytes((self.way, self.options)) + self.head.replace(b"\n", b" ") + b"\n" + self.body

    @property
    def where(self) -> Way:
        return WAYS[self.way % len(WAYS)]

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.options % len(CONTENT_TYPES)]

    def request(self, keys: Keys) -> Input:
        """The request, with the keys that its options say it has."""
        way = self.where
        head, body = (each.replace(PROFILE, keys.profile.encode()) for each in (self.head, self.body))
        path, query = way.path, head
        if "{}" in path:
            segment, _, query = head.partition(b"?")
            path = path.replace("{}", segment.decode("latin-1"))
        headers = [(b"content-type", self.content_type.encode("latin-1"))]
        if not self.options & _NO_SESSION:
            headers += self._credentials(keys)
        if self.options & _KEYED:
            headers.append((b"idempotency-key", b"k1"))
        return Input(way.method, path, query, tuple(headers), b"" if way.method == "GET" else body, way.path)

    def _credentials(self, keys: Keys) -> list[tuple[bytes, bytes]]:
        if not self.where.answer:
            session = keys.stranger if self.options & _STRANGER else keys.session
            return [(b"clientcode", keys.code.encode()), (b"sessionkey", session.encode())]
        if self.options & _STRANGER:
            return [(b"authorization", b"Bearer " + keys.code.encode() + b".x")]
        if self.options & _BASIC or "token" in self.where.path:
            return [(b"authorization", b"Basic " + base64.b64encode(f"{keys.client}:{keys.secret}".encode()))]
        return [(b"authorization", b"Bearer " + keys.token.encode())]


def unpacked(data: bytes) -> Packed:
    """What any bytes mean."""
    head, _, body = data[2:].partition(b"\n")
    way, options = (*data[:2], 0, 0)[:2]
    return Packed(way, options, head, body)


def packed(sent: Input) -> Packed | None:
    """The bytes that mean about this request; None if there are none."""
    content_type = dict(sent.headers).get(b"content-type", b"").decode("latin-1")
    options = CONTENT_TYPES.index(content_type) if content_type in CONTENT_TYPES else 0
    path = sent.path.removesuffix("/") + "/" if sent.path.startswith("/api") else sent.path
    for number, way in enumerate(WAYS):
        match = re.fullmatch(re.escape(way.path).replace(r"\{\}", "([^/?]*)"), path.partition("?")[0])
        if match and way.method == sent.method:
            head = b"?".join((match[1].encode("latin-1", "replace"), sent.query)) if match.groups() else sent.query
            return Packed(number, options, head, sent.body)
    return None


def _request(way: int, content_type: str, body: bytes, head: bytes = b"") -> Packed:
    return Packed(way, CONTENT_TYPES.index(content_type), head, body)


def _erply_seeds(source: Random) -> Iterator[Packed]:
    for name in NAMES:
        for params in GOOD[name][:4]:
            one = {"requestName": name, "requestID": "1", **params}
            yield _request(0, JSON, as_json({"requests": [one]}))
            yield _request(0, FORM, as_form({"request": name, **params}, source))
    sale = {"requestName": "saveSalesDocument", "requestID": "a", **GOOD["saveSalesDocument"][0]}
    spent = {"requestName": "subtractCustomerRewardPoints", "customerID": 1, "points": 5}
    asked = {"requestName": "getCustomerRewardPoints", "customerID": 1}
    yield _request(0, JSON, as_json({"requests": [sale, {**spent, "invoiceID": "CURRENT_INVOICE_ID"}, asked]}))
    referring = [sale, {**spent, "invoiceID": "@{a.invoiceID}"}, {**asked, "customerID": "@{a.records[0].clientID}"}]
    for switch in ("references", "atomic", "dryRun"):
        yield _request(0, JSON, as_json({"requests": referring, "references": 1, switch: 1}))
    yield _request(0, FORM, as_form({"requests": [sale, asked], "responseType": "XML"}, source))
    yield _request(WAYS.index(Way("GET", "/api/")), "", b"", b"request=getCustomers&responseType=XML")


def seeds() -> list[bytes]:
    """Where a run starts: every call as it should be, all examples of the schemas, and made-up requests."""
    source = Random("seeds")  # noqa: S311 - repeatable
    found = list(_erply_seeds(source))
    for number, way in enumerate(WAYS):
        head = (PROFILE if "inquire" in way.path else b"1") if "{}" in way.path else b""
        if "lookup" in way.path:
            head = b"source=LINE&identifierName=mobile&identifierValue=1"
        described = schemas.all_schemas()[f"/schemas/{way.schema}.request.json"] if way.schema else {}
        for example in described.get("examples", ()):
            sent: dict[str, Any] = example | ({"profileId": PROFILE.decode()} if "profileId" in example else {})
            found.append(_request(number, JSON, as_json(sent), head))
        if way.answer == "fabric/token":
            found.append(_request(number, FORM, b"grant_type=client_credentials", head))
        if way.method == "GET":
            found.append(_request(number, "", b"", head))
    maker = Maker(source, Keys("", "", "", "", "", "", PROFILE.decode()))
    made = (packed(maker.next()) for _ in range(MADE_SEEDS))
    found += [each for each in made if each is not None]
    return [each for each in dict.fromkeys(map(bytes, found)) if len(each) <= SIZE_MAX]


def words() -> list[str]:
    """What a fuzzer does not find by itself: names of calls and parameters."""
    names = set(NAMES)
    for each in schemas.all_schemas().values():
        names.update(each.get("properties", {}))
    return sorted(name for name in names if json.dumps(name) == f'"{name}"')
