"""Changes to packed requests that keep them readable, where a change of bytes would mostly break them."""

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl

from erply_points.calls.registry import CALLS
from fuzz import values
from fuzz.inputs import (
    CONTENT_TYPES,
    FORM,
    GOOD,
    JSON,
    MULTIPART,
    NAMES,
    as_form,
    as_json,
    as_multipart,
    mangled,
)
from fuzz.packed import Packed, unpacked

Params = dict[str, Any]

_PLACEHOLDERS: Final = ("CURRENT_INVOICE_ID", "@{1.invoiceID}", "@{a.customerID}", "@{a.records[0].clientID}")
_SWITCHES: Final = ("atomic", "dryRun", "references", "idempotencyKey", "responseType", "lang", "getFields", "version")


def changed(data: bytes, source: Random, size_max: int, by_bytes: Callable[[bytes], bytes] | None = None) -> bytes:
    """Another request made of this one, of at most `size_max` bytes.

    Every second time its bytes are changed, by `by_bytes` if given; else its parameters. Draws from `source` alone.
    """
    sent = unpacked(data)
    params = None if source.random() < 0.5 else _read(sent)
    if params is None:
        return (by_bytes(data) if by_bytes else mangled(data, source))[:size_max]
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        if sent.where.answer:
            _change(params, sent.where.schema, source)
        else:
            _change_bulk(params, source)
    return bytes(_written(sent, params, source))[:size_max]


def _read(sent: Packed) -> Params | None:
    """The parameters, if they can be read."""
    try:
        if sent.where.method == "GET" or sent.content_type == FORM:
            text = (sent.head if sent.where.method == "GET" else sent.body).decode()
            read: Any = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1_000))
            if "requests" in read:
                read["requests"] = json.loads(read["requests"])
        else:
            read = json.loads(sent.body)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _written(sent: Packed, params: Params, source: Random) -> Packed:
    if sent.where.method == "GET":
        return Packed(sent.way, sent.options, as_form(params, source), b"")
    kind = JSON
    if not sent.where.answer:
        kind = source.choice((JSON, FORM, MULTIPART)) if source.random() < 0.2 else sent.content_type
    if kind == FORM:
        body = as_form(params, source)
    elif kind == MULTIPART:
        body = as_multipart(params)
    else:
        body = as_json(params)
    options = sent.options & 0xF0 | CONTENT_TYPES.index(kind)
    return Packed(sent.way, options, sent.head, body)


def _change_bulk(top: Params, source: Random) -> None:
    requests = top.get("requests")
    if source.random() < 0.1:
        top[source.choice(_SWITCHES)] = source.choice((1, 0, "XML", "k1", values.odd(source)))
        return
    if not isinstance(requests, list) or not all(isinstance(each, dict) for each in requests):
        _change_call(top, "request", source)
        return
    way = source.random()
    if way < 0.2 or not requests:
        requests.insert(source.randrange(len(requests) + 1), _call(source))
    elif way < 0.27:
        del requests[source.randrange(len(requests))]
    elif way < 0.34:
        requests.insert(source.randrange(len(requests) + 1), dict(source.choice(requests)))
    elif way < 0.4:
        source.shuffle(requests)
    else:
        _change_call(source.choice(requests), "requestName", source)


def _call(source: Random) -> Params:
    name = source.choice(NAMES)
    params = source.choice(GOOD[name]) if source.random() < 0.5 else {}
    return {"requestName": name, "requestID": source.choice("ab1"), **params}


def _change_call(call: Params, named: str, source: Random) -> None:
    name = call.get(named)
    if source.random() < 0.03:
        call[named] = source.choice((*NAMES, values.odd(source)))
    elif source.random() < 0.05 and call:
        call[source.choice(sorted(call))] = source.choice(_PLACEHOLDERS)
    else:
        known = isinstance(name, str) and name in CALLS
        _change(call, f"erply/calls/{name}" if known else "", source)


def _change(params: Params, schema: str, source: Random) -> None:
    """Change, add or take away one parameter or several."""
    way = source.random()
    if way < 0.15 and params:
        del params[source.choice(sorted(params))]
    elif way < 0.4 and params:
        params[source.choice(sorted(params))] = values.odd(source)
    elif schema:
        fresh = values.params(f"/schemas/{schema}.request.json", source, source.choice((0.0, 0.0, 0.1, 0.5)))
        few = source.sample(sorted(fresh), min(len(fresh), source.choice((1, 1, 2, 9))))
        params.update({name: fresh[name] for name in few})
    else:
        params[str(values.odd(source))[:100]] = values.odd(source)
