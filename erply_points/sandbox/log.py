"""The last requests of an account and their answers, with secrets blanked. In memory only."""

import json
import re
from collections import deque
from typing import Any, Final

from erply_points.bulk.envelope import BulkRequest

ENTRIES_MAX: Final = 1_000
BYTES_MAX: Final = 32_000_000
"""Of all entries of one account together."""
BLANK: Final = "***"

_SECRET: Final = re.compile(
    r"password|token|session_?key|partner_?key|secret|card_?code|card_?number|(?:^|_)pin$", re.IGNORECASE
)
_HARMLESS: Final = frozenset({"doNotGenerateIdentityToken", "isPasswordExpired"})
_GIFT_CARD_CODE: Final = re.compile(r"codes?", re.IGNORECASE)


def is_secret(name: str, call: str) -> bool:
    """Whether a parameter or a field of `call` is a password, a key, a token, a PIN or what stands on a card."""
    if _SECRET.search(name):
        return name not in _HARMLESS
    return "GiftCard" in call and _GIFT_CARD_CODE.fullmatch(name) is not None


def blanked(value: Any, call: str) -> Any:
    """A copy of what was sent or answered, with `BLANK` in place of every secret that is not empty."""
    if isinstance(value, dict):
        return {name: BLANK if each and is_secret(name, call) else blanked(each, call) for name, each in value.items()}
    return [blanked(each, call) for each in value] if isinstance(value, list) else value


def request_of(bulk: BulkRequest) -> dict[str, Any]:
    """What was asked, as one JSON object in the form of a bulk or of a single call."""
    envelope: dict[str, Any] = {"clientCode": bulk.client_code}
    if bulk.session_key:
        envelope["sessionKey"] = BLANK
    if bulk.idempotency_key:
        envelope["idempotencyKey"] = bulk.idempotency_key
    switches = {"atomic": bulk.atomic, "dryRun": bulk.dry_run, "references": bulk.references}
    envelope |= {name: 1 for name, switch in switches.items() if switch}
    if bulk.is_single:
        (only,) = bulk.sub_requests
        return {**envelope, "request": only.name, **blanked(dict(only.params), only.name)}
    return {
        **envelope,
        "requests": [
            {"requestName": each.name, "requestID": each.request_id, **blanked(dict(each.params), each.name)}
            for each in bulk.sub_requests
        ],
    }


def answer_of(bulk: BulkRequest, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, with secrets blanked."""
    if bulk.is_single or "requests" not in answer:
        return {
            name: blanked(each, bulk.sub_requests[0].name if bulk.sub_requests else "") for name, each in answer.items()
        }
    answers = zip(bulk.sub_requests, answer["requests"], strict=True)
    return {**answer, "requests": [blanked(each, sub_request.name) for sub_request, each in answers]}


class Log:
    """Entries by number, oldest first. They are kept as text: nothing that goes on changing is held."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, str]] = deque()
        self._last = 0
        self._size = 0

    def add(
        self, at: float, bulk: BulkRequest, answer: dict[str, Any] | None, fault: str | None, seconds: float
    ) -> None:
        """`answer` is None where none was made, `fault` the kind of the one that happened."""
        self._last += 1
        entry = {
            "number": self._last,
            "at": round(at, 3),
            "seconds": round(seconds, 6),
            "fault": fault,
            "request": request_of(bulk),
            "answer": None if answer is None else answer_of(bulk, answer),
        }
        text = json.dumps(entry)
        self._entries.append((self._last, text))
        self._size += len(text)
        while len(self._entries) > ENTRIES_MAX or self._size > BYTES_MAX:
            _, gone = self._entries.popleft()
            self._size -= len(gone)

    def entries(self, after: int = 0) -> list[dict[str, Any]]:
        """Those with a number above `after`."""
        return [json.loads(text) for number, text in self._entries if number > after]

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()
        self._size = 0
