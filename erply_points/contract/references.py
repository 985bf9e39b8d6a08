"""`${NAME.PATH}`: how a case refers to what came before it.

NAME is that of an earlier step or sub-request, `account` (clientCode, username, password, sessionKey), or `unique`:
digits that no other case of any run has. PATH is names and [places]: `status.errorCode`, `records[1].points`; one that
does not begin with status, records or requests is a field of the first record: `${redeem.transactionID}`.
A reference that is all of a text keeps the type of its value, one inside a text is written into it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_-]*)((?:\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]+\])*)\}")
_SEGMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]+\]")
_PARTS: Final = frozenset({"status", "records", "requests"})

Scope = Mapping[str, Any]
"""Answers by name, and what is there from the start."""


class NothingThere(LookupError):
    """A reference or a path leads nowhere."""


def at(answer: Any, path: str) -> Any:
    """The value at a path of an answer. Raises NothingThere."""
    segments = _SEGMENT.findall(path)
    is_answer = isinstance(answer, dict) and "status" in answer
    if is_answer and segments and segments[0] not in _PARTS:
        segments = ["records", "[0]", *segments]
    found = answer
    for segment in segments:
        place = int(segment[1:-1]) if segment.startswith("[") else segment
        if not isinstance(found, dict if isinstance(place, str) else list):
            raise NothingThere(path)
        try:
            found = found[place]
        except LookupError:
            raise NothingThere(path) from None
    return found


def resolved(value: Any, scope: Scope) -> Any:
    """The value with what its references name in their place. Raises NothingThere."""
    if isinstance(value, dict):
        return {key: resolved(each, scope) for key, each in value.items()}
    if isinstance(value, list):
        return [resolved(each, scope) for each in value]
    if not isinstance(value, str):
        return value
    if match := _REFERENCE.fullmatch(value):
        return _named(match, scope)
    return _REFERENCE.sub(lambda found: _text(_named(found, scope)), value)


def _named(match: re.Match[str], scope: Scope) -> Any:
    name, path = match[1], match[2].removeprefix(".")
    try:
        return at(scope[name], path) if path else scope[name]
    except LookupError:
        raise NothingThere(match[0]) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def names_in(value: Any) -> Iterator[str]:
    """The names that the references in a value begin with. What begins like a reference and is none is named whole."""
    if isinstance(value, dict):
        for each in value.values():
            yield from names_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from names_in(each)
    elif isinstance(value, str):
        yield from (match[1] for match in _REFERENCE.finditer(value))
        if "${" in _REFERENCE.sub("", value):
            yield value
