"""Requests that try to break the server: good ones, good ones with odd values, and such that are mangled after that."""

import base64
import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, quote_plus

from calls.every_call import CASES
from erply_points import schemas
from erply_points.calls.registry import CALLS
from fuzz import values

BOUNDARY: Final = "sep4r4t0r"
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
MULTIPART: Final = f"multipart/form-data; boundary={BOUNDARY}"
CONTENT_TYPES: Final = (
    *(FORM, JSON, MULTIPART, "multipart/form-data", "multipart/form-data; boundary=", "text/plain", "", ";", "\xff"),
    *("application/json; charset=utf-16", "multipart/form-data; boundary=" + "x" * 3_000, "application/xml", "a/b/c"),
    *("multipart/mixed; boundary=sep4r4t0r", 'multipart/form-data; boundary="sep4r4t0r"', "APPLICATION/JSON"),
)
NAMES: Final = tuple(sorted(CALLS))
LOGINS: Final = frozenset({"verifyUser", "switchUser"})
"""Calls that check a password or a PIN."""

CREDENTIALS: Final[dict[str, list[dict[str, Any]]]] = {
    "verifyUser": [{"username": "till", "password": "secret"}, {"username": "till", "password": "wrong"}],
    "switchUser": [{"cardCode": "1234"}, {"cardCode": "4321"}],
}
GOOD: Final[dict[str, list[dict[str, Any]]]] = {
    name: [
        *(params for call, params, *_ in CASES if call == name),
        *schemas.call_request(name).get("examples", ()),
        *CREDENTIALS.get(name, ()),
    ]
    or [{}]
    for name in NAMES
}
"""Parameters that would do, by call: from the examples of the schemas and from the table of all calls."""

_BYTES: Final = (
    *(
        b"\x00",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        b"%",
        b"%00",
        b"%ff",
        b"%u0041",
        b"&",
        b"=",
        b"+",
    ),
    *(b";", b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"-", b"NaN"),
    *(b"--" + BOUNDARY.encode(), b"\r\n", b"\r\n\r\n", b"[]", b"[0]", b"A" * 5_000, b"[" * 300, b'{"a":' * 300),
)


@dataclass(frozen=True, slots=True)
class Input:
    """One HTTP request. `headers` are lower-case names and values as they go over the wire."""

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    kind: str
    """How it was made, for the table of what was sent."""


@dataclass(slots=True)
class Keys:
    """What a client of the account knows."""

    code: str
    session: str
    stranger: str
    """The key of a session of another account."""
    client: str
    secret: str
    token: str
    profile: str


class Maker:
    """Makes inputs from a seed: the same ones each time, but for the keys in them."""

    def __init__(self, source: Random, keys: Keys) -> None:
        self._source = source
        self._keys = keys

    def next(self) -> Input:
        kinds = {
            self._bulk: 40,
            self._single: 18,
            self._bulk_mangled: 8,
            self._single_mangled: 6,
            self._envelope: 10,
            self._capillary: 8,
            self._fabric: 7,
            self._elsewhere: 3,
        }
        (make,) = self._source.choices(list(kinds), list(kinds.values()))
        return make()

    def _bulk_mangled(self) -> Input:
        return self._mangled(self._bulk())

    def _single_mangled(self) -> Input:
        return self._mangled(self._single())

    def _oddness(self) -> float:
        return self._source.choice((0.0, 0.0, 0.03, 0.1, 0.3, 0.8))

    def _call(self, oddness: float) -> tuple[str, dict[str, Any]]:
        source = self._source
        name = source.choice(NAMES)
        if name in LOGINS and source.random() < 0.9:  # Checking passwords is slow on purpose.
            name = source.choice(NAMES)
        found = values.params(f"/schemas/erply/calls/{name}.request.json", source, oddness)
        if source.random() < 0.4:
            found = {**source.choice(GOOD[name]), **(found if source.random() < 0.6 else {})}
        if source.random() < 0.08:
            found["getFields"] = source.choice(("customerID", "", "a,b", 5, "records"))
        if source.random() < oddness / 10:
            name = source.choice((name.upper(), "", "nothing", name + "\x00", "x" * 10_000, "__init__"))
        return name, found

    def _top(self) -> dict[str, Any]:
        """Account and session, good ones most of the time, and now and then the switches of a request."""
        source, keys = self._source, self._keys
        top: dict[str, Any] = {"clientCode": keys.code, "sessionKey": keys.session}
        if source.random() < 0.05:
            top["clientCode"] = source.choice(
                (values.odd(source), "nobody", keys.code.upper(), f"./{keys.code}", "quiet")
            )
        if source.random() < 0.06:
            top["sessionKey"] = source.choice((values.odd(source), keys.stranger, "f" * 40, keys.session.upper(), ""))
        if source.random() < 0.25:
            name = source.choice(
                ("atomic", "dryRun", "references", "idempotencyKey", "responseType", "version", "lang")
            )
            good = {"responseType": "XML", "idempotencyKey": source.choice(("k1", "k2", "k3")), "version": "1.0"}
            top[name] = values.odd(source) if source.random() < 0.3 else good.get(name, 1)
        return top

    def _bulk(self) -> Input:
        source = self._source
        oddness = self._oddness()
        requests = []
        for number in range(source.choice((0, 1, 1, 2, 2, 3, 4, 6, 10))):
            name, found = self._call(oddness)
            request_id = values.odd(source) if source.random() < oddness else f"r{number}"
            requests.append({"requestName": name, "requestID": request_id, **found})
        if source.random() < 0.002 and len(as_json(requests)) < 20_000:
            requests = requests[:1] * source.choice((100, 101, 400))
        return self._encoded({**self._top(), "requests": requests}, "bulk")

    def _single(self) -> Input:
        name, found = self._call(self._oddness())
        return self._encoded({**self._top(), "request": name, **found}, "single call")

    def _envelope(self) -> Input:
        """Odd values where the request as a whole is described."""
        source, keys = self._source, self._keys
        top: dict[str, Any] = {"clientCode": keys.code, "sessionKey": keys.session}
        names = ("requests", "request", "clientCode", "sessionKey", "requestID", "atomic", "references", "dryRun")
        for name in source.sample((*names, "idempotencyKey", "responseType", "version", "requests[]"), 3):
            top[name] = values.odd(source)
        if source.random() < 0.3:
            top["requests"] = [values.odd(source) for _ in range(source.choice((1, 2, 5)))]
        if source.random() < 0.1:
            top["requests"] = source.choice(("[", '{"a":')) * source.choice(values.DEPTHS)
        return self._encoded(top, "envelope")

    def _encoded(self, top: dict[str, Any], kind: str) -> Input:
        """As a JSON body, a form, multipart or a query, or half of it in the query."""
        source = self._source
        way = source.random()
        query = b""
        if way < 0.35:
            body, content_type = as_json(top), JSON
        elif way < 0.75:
            body, content_type = as_form(top, source), FORM
        elif way < 0.88:
            body, content_type = as_multipart(top), MULTIPART
        else:
            query, body, content_type = as_form(top, source)[:60_000], b"", FORM
            if source.random() < 0.3:
                body = as_form({"lang": "est", "recordsOnPage": values.odd(source)}, source)
        method = "GET" if query and not body else "POST"
        headers = [(b"content-type", content_type.encode("latin-1"))]
        if source.random() < 0.05:
            headers.append((b"idempotency-key", str(values.odd(source)).encode("utf-8", "replace")[:2_000]))
        path = "/api/" if source.random() < 0.9 else "/api"
        return Input(method, path, query, tuple(headers), body, kind)

    def _mangled(self, made: Input) -> Input:
        """The same with some of its bytes changed, lost, doubled or put in, or under another content type."""
        source = self._source
        target = mangled(made.body or made.query, source)
        headers = made.headers
        if source.random() < 0.2:
            headers = ((b"content-type", source.choice(CONTENT_TYPES).encode("latin-1")), *headers[1:])
        if made.body:
            return Input(made.method, made.path, made.query, headers, target, "mangled")
        return Input(made.method, made.path, target, headers, b"", "mangled")

    def _authorized(self, schemes: tuple[str, ...]) -> tuple[tuple[bytes, bytes], ...]:
        source, keys = self._source, self._keys
        scheme = source.choice(schemes)
        basic = base64.b64encode(f"{keys.client}:{keys.secret}".encode()).decode()
        value = f"Basic {basic}" if scheme == "basic" else f"Bearer {keys.token}"
        if source.random() < 0.06:
            odd = str(values.odd(source))[:3_000].encode("utf-8", "replace").decode("latin-1")
            value = source.choice((odd, f"Basic {odd}", f"Bearer {odd}", f"Bearer {keys.code}.x", "Basic Og==", ""))
        name = b"x-cap-api-oauth-token" if scheme == "cap" else b"authorization"
        sent = keys.token if scheme == "cap" else value
        return ((name, sent.encode("latin-1", "replace")), (b"content-type", JSON.encode()))

    def _capillary(self) -> Input:
        source = self._source
        oddness = self._oddness()
        if source.random() < 0.05:
            sent = values.params("/schemas/capillary/tokenGenerate.request.json", source, 0.5)
            good = {"key": self._keys.client, "secret": self._keys.secret}
            body = as_json({**good, **sent} if source.random() < 0.5 else {**sent, **good})
            path, headers = "/v3/oauth/token/generate", self._authorized(("basic",))
            return Input("POST", path, b"", headers, body, "Capillary")
        sent = values.params("/schemas/capillary/negativePointsAdjustment.request.json", source, oddness)
        sent.setdefault("reasonOfReturn", "returned")
        customer = source.choice(("1", "2", "lookup", "lookup", quote(str(values.odd(source))[:200], safe="")))
        query = ""
        if source.random() < 0.8:
            name = source.choice(("mobile", "email", "externalId", quote_plus(str(values.odd(source))[:200])))
            value = source.choice(("1", "a@b.ee", "e1", quote_plus(str(values.odd(source))[:200])))
            query = f"source=LINE&identifierName={name}&identifierValue={value}"
        made = Input(
            *("POST", f"/v2/customers/{customer}/negativePointsAdjustment", query.encode()),
            *(self._keyed(self._authorized(("basic", "basic", "bearer", "cap"))), as_json(sent), "Capillary"),
        )
        return self._mangled_dialect(made)

    def _fabric(self) -> Input:
        source = self._source
        oddness = self._oddness()
        prefix = source.choice(("", "/api"))
        if source.random() < 0.04:
            body = source.choice((b"grant_type=client_credentials", b"grant_type=", b"\xff", as_json({"a": 1})))
            path = f"{prefix}/oauth2/{quote(str(values.odd(source))[:50], safe='')}/v1/token"
            return Input("POST", path, b"", self._authorized(("basic",)), body, "fabric")
        profile = self._keys.profile if source.random() < 0.8 else str(values.odd(source))[:200]
        if source.random() < 0.15:
            path = f"{prefix}/v1/inquire/{quote(profile, safe='')}/member-points"
            return Input("GET", path, b"", self._authorized(("bearer",)), b"", "fabric")
        call = source.choice(("points-adjustment", "points-adjustment", "points-activate", "members"))
        sent = values.params(f"/schemas/fabric/{call}.request.json", source, oddness)
        if source.random() < 0.8:
            sent["profileId"] = profile
        path = prefix + ("/v1/members" if call == "members" else f"/v1/members/{call}")
        headers = self._keyed(self._authorized(("bearer",)))
        return self._mangled_dialect(Input("POST", path, b"", headers, as_json(sent), "fabric"))

    def _keyed(self, headers: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
        if self._source.random() > 0.1:
            return headers
        key = self._source.choice(("k1", "k2", '"k3"', "k" * 255, "k" * 256, str(values.odd(self._source))[:3_000]))
        return (*headers, (b"idempotency-key", key.encode("utf-8", "replace")))

    def _mangled_dialect(self, made: Input) -> Input:
        return self._mangled(made) if self._source.random() < 0.15 else made

    def _elsewhere(self) -> Input:
        """Paths and methods of all kinds."""
        source = self._source
        odd = quote(str(values.odd(source))[:500], safe="/%.")
        path = source.choice(
            (
                *(
                    "/",
                    "/health",
                    "/schemas/",
                    "/schemas/erply/common.json",
                    f"/schemas/{odd}",
                    f"/api/{odd}",
                    f"/{odd}",
                ),
                *("/schemas/../../../../etc/passwd", "/schemas/%2e%2e/%2e%2e/pyproject.toml", "//etc/passwd", "/api//"),
                *(
                    "/sandbox/accounts",
                    "/v1/members",
                    "/v2/customers//negativePointsAdjustment",
                    "/v1/inquire//member-points",
                ),
            )
        )
        method = source.choice(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "NONSENSE"))
        headers = ((b"if-none-match", b'"x", *'), (b"host", source.choice((b"a.b", b"", b"\xff", b"a:b:c", b"["))))
        return Input(method, path, b"", headers, b"" if method == "GET" else b"a=b", "elsewhere")


def mangled(made: bytes, source: Random) -> bytes:
    """The same with some of its bytes changed, lost, doubled or put in."""
    target = bytearray(made)
    for _ in range(source.choice((1, 1, 2, 5, 20))):
        at = source.randrange(len(target) + 1)
        way = source.random()
        if way < 0.35:
            target[at:at] = source.choice(_BYTES)
        elif way < 0.6:
            target[at : at + 1] = bytes((source.randrange(256),))
        elif way < 0.75:
            del target[at : at + source.choice((1, 2, 10, 1_000))]
        elif way < 0.9:
            target[at:at] = target[at : at + source.choice((1, 5, 40, 400))]
        else:
            del target[at:]
    return bytes(target)


def as_json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return b"[" * 5_000 + b"1" + b"]" * 5_000


def _field(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def as_form(top: dict[str, Any], source: Random) -> bytes:
    pairs = [(name, _field(value)) for name, value in top.items()]
    if source.random() < 0.05 and pairs:
        name, value = source.choice(pairs)
        pairs.append((name, value if source.random() < 0.3 else _field(values.odd(source))))
    if source.random() < 0.03:
        pairs = [(name + "[]", value) for name, value in pairs]
    return b"&".join(b"=".join(quote_plus(each, errors="surrogatepass").encode() for each in pair) for pair in pairs)


def as_multipart(top: dict[str, Any]) -> bytes:
    parts = []
    for name, value in top.items():
        shown = name.replace("\r", "").replace("\n", "").replace('"', "%22")
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{shown}"\r\n\r\n{_field(value)}\r\n')
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode("utf-8", "replace")
