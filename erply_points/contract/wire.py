"""The wire to a server: forms out, JSON in, one request at a time, and a session that is renewed when it ends.

What is secret of an exchange is known here, so that nothing of it gets into a report.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

import httpx

from erply_points.contract.findings import Finding

SESSION_EXPIRED: Final = 1054
_SECRET_FIELDS: Final = frozenset({"sessionKey", "token", "identityToken", "password", "cardCode"})
_HIDDEN: Final = "***"
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LEARNED_SIZE_MIN: Final = 6
"""Characters of a key that an answer hands out; what is shorter is none, and would be found in every other text."""


class LoginRefused(Exception):
    """No session could be had; the text says why."""


class NoAnswer(Exception):
    """A request did not lead to an answer in JSON; the text says what came."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back: a JSON object, and its media type."""

    answer: dict[str, Any]
    content_type: str


class Secrets:
    """What must not be shown, and texts with it taken out."""

    def __init__(self, *texts: str) -> None:
        self._texts: set[str] = set()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        written = (text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1])
        self._texts.update(each for each in written if each)

    def learn(self, answer: Any) -> None:
        """Remember what an answer hands out."""
        if isinstance(answer, dict):
            for name, value in answer.items():
                if name in _SECRET_FIELDS and len(str(value)) >= _LEARNED_SIZE_MIN:
                    self.add(str(value))
                self.learn(value)
        elif isinstance(answer, list):
            for each in answer:
                self.learn(each)

    def hide(self, text: str) -> str:
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text

    def hide_in(self, finding: Finding) -> Finding:
        return Finding(finding.step, finding.path, self.hide(finding.expected), self.hide(finding.came))


class Wire:
    """One account of one server, as one user."""

    def __init__(
        self,
        url: str,
        client_code: str,
        username: str,
        password: str,
        *,
        timeout_seconds: float = 30,
        pause_seconds: float = 0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = _address(url)
        self.client_code = client_code
        self.username = username
        self.password = password
        self.session_key = ""
        self.secrets = Secrets(password)
        self.requests = 0
        """How many have been sent."""
        self._pause_seconds = pause_seconds
        parts = urlsplit(self.url)
        if parts.password:
            self.secrets.add(parts.password)
        self._http = httpx.Client(timeout=timeout_seconds, transport=transport, follow_redirects=False)

    @property
    def shown_url(self) -> str:
        """The address without what it may hold of a user and a password."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def in_the_clear(self) -> bool:
        """Whether the password would travel over a network unencrypted."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname not in _THIS_MACHINE

    def close(self) -> None:
        self._http.close()

    def log_in(self) -> None:
        """Get a session. Raises LoginRefused or NoAnswer."""
        form = {"request": "verifyUser", "username": self.username, "password": self.password}
        answer = self.send({"clientCode": self.client_code, **form}).answer
        status = answer.get("status")
        code = status.get("errorCode") if isinstance(status, dict) else None
        if code != 0:
            message = status.get("errorMessage", "") if isinstance(status, dict) else ""
            raise LoginRefused(self.secrets.hide(f"verifyUser: error {code}. {message}".strip()))
        try:
            key = answer["records"][0]["sessionKey"]
        except (LookupError, TypeError):
            raise LoginRefused("verifyUser: the answer has no records[0].sessionKey.") from None
        self.session_key = str(key)

    def ask(self, params: Mapping[str, Any], send: str = "form", *, slash: bool = True) -> Exchange:
        """Send, in a new session if the one that was sent along has ended. Raises NoAnswer or LoginRefused."""
        exchange = self.send(params, send, slash=slash)
        ended = _code(exchange.answer) == SESSION_EXPIRED and params.get("sessionKey") == self.session_key
        if not ended:
            return exchange
        self.log_in()
        return self.send({**params, "sessionKey": self.session_key}, send, slash=slash)

    def send(self, params: Mapping[str, Any], send: str = "form", *, slash: bool = True) -> Exchange:
        """Send top-level parameters; lists and objects travel as JSON in their field. Raises NoAnswer."""
        time.sleep(self._pause_seconds)
        self.requests += 1
        url = self.url if slash else self.url.rstrip("/")
        form = {name: _text(value) for name, value in params.items()}
        try:
            match send:
                case "form":
                    response = self._http.post(url, data=form)
                case "query":
                    response = self._http.post(url, params=form)
                case "get":
                    response = self._http.get(url, params=form)
                case "multipart":
                    response = self._http.post(url, files={name: (None, text) for name, text in form.items()})
                case "json":
                    response = self._http.post(url, json=dict(params))
                case _:
                    raise AssertionError(send)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswer(self.secrets.hide(f"{type(error).__name__}: {error}")) from None
        return self._read(response)

    def _read(self, response: httpx.Response) -> Exchange:
        if response.status_code != 200:
            raise NoAnswer(f"HTTP status {response.status_code}")
        try:
            answer = json.loads(response.content, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise NoAnswer("a body that is no JSON") from None
        if not isinstance(answer, dict):
            raise NoAnswer("JSON that is no object")
        self.secrets.learn(answer)
        return Exchange(answer, response.headers.get("content-type", "").partition(";")[0].strip())


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _address(url: str) -> str:
    """With the API's path where none is given: both https://101010.erply.com and .../api/ will do."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/api")
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/api/", "", ""))


def _code(answer: Mapping[str, Any]) -> Any:
    status = answer.get("status")
    return status.get("errorCode") if isinstance(status, dict) else None


def _text(value: Any) -> str:
    """A form's text for a JSON value."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
