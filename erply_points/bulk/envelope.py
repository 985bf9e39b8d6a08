"""The envelope: from the parameters of an HTTP request to a `BulkRequest`.

Facts: `docs/protocol/erply-envelope.md`, sections 1 to 3. A single call is a bulk of one; only its answer looks
different. What is wrong with the envelope as a whole is found here but reported by the dispatcher, in the documented
order.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jiter

from erply_points.bulk import errors
from erply_points.bulk.errors import WireError, wire_error
from erply_points.bulk.formats import FORMATS, JSON, Format
from erply_points.calls.refusals import Inconsistent

SUB_REQUESTS_MAX: Final = 100

_MALFORMED_REQUESTS: Final = WireError(errors.MALFORMED, "requests must be a JSON array of objects.")

_UNKNOWN_FORMAT: Final = WireError(
    errors.UNKNOWN_FORMAT, f"responseType must be {' or '.join(FORMATS)}.", "responseType"
)

_KEY: Final = re.compile(r"[^\x00-\x1f\x7f]{0,255}")
_BAD_KEY: Final = WireError(
    errors.BAD_FORMAT, "idempotencyKey must be text of at most 255 characters.", "idempotencyKey"
)
_SWITCHES: Final[Mapping[str | int, bool]] = {
    "": False,
    "0": False,
    "false": False,
    0: False,
    "1": True,
    "true": True,
    1: True,
}

_ENVELOPE: Final = frozenset(
    {
        *("clientCode", "sessionKey", "request", "requests", "version", "responseType", "sendContentType"),
        *("setContentType", "partnerKey", "idempotencyKey", "atomic", "dryRun", "references"),
    }
)


class RepeatedKeys(dict[str, Any]):
    """A JSON object in which a key stands more than once, with values that differ."""

    repeated: str = ""


@dataclass(slots=True)
class SubRequest:
    name: str
    """The call as sent; "" if none was."""
    request_id: Any
    params: Mapping[str, Any]
    repeated: str = ""
    """A parameter that was sent twice with different values."""


@dataclass(frozen=True, slots=True)
class BulkRequest:
    client_code: str
    session_key: str
    sub_requests: tuple[SubRequest, ...]
    is_single: bool
    client_address: str
    error: WireError | None = None
    """Why nothing of it can be run; reported once account and session are known to be good."""
    answer_format: Format = JSON
    format_error: WireError | None = None
    idempotency_key: str = ""
    atomic: bool = False
    """All of it is kept or nothing."""
    dry_run: bool = False
    """Nothing of it is kept; the answer says what would happen."""
    references: bool = False
    """Values may come from earlier answers."""


def parse_json(data: bytes | str) -> Any:
    """Parse JSON strictly: exact integers, no NaN, and repeated keys are noticed (`RepeatedKeys`).

    Raises ValueError for anything that is not JSON.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "strict")
    try:
        return jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        if "duplicate key" not in str(error).lower():
            raise
    try:
        parsed = json.loads(data.decode(), object_pairs_hook=_pairs, parse_constant=_no_constant)
        json.dumps(parsed, ensure_ascii=False).encode()  # No lone surrogates either.
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return parsed


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        contradicting = next((key for key, value in pairs if found[key] != value), None)
        if contradicting is not None:
            marked = RepeatedKeys(found)
            marked.repeated = contradicting
            return marked
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def decode(params: Mapping[str, Any], headers: Mapping[str, str], client_address: str) -> BulkRequest:
    """Build a bulk from top-level parameters, form fields or the keys of a JSON body. Never raises."""
    error: WireError | None = None
    repeated = params.repeated if isinstance(params, RepeatedKeys) else ""
    requests = params.get("requests")
    if requests is not None and requests != "":
        is_single = False
        sub_requests, error = _sub_requests(params)
        if repeated:
            sub_requests, error = (), wire_error(contradiction(repeated))
    else:
        is_single = True
        call_params = {name: value for name, value in params.items() if name not in _ENVELOPE}
        name = params.get("request")
        sub_requests = (SubRequest(name if isinstance(name, str) else "", None, call_params, repeated),)
    switches = {name: _switch(params.get(name)) for name in ("atomic", "dryRun", "references")}
    for name, switch in switches.items():
        if switch is None:
            error = error or WireError(errors.BAD_FORMAT, f"{name} must be 0 or 1.", name)
    key = _idempotency_key(params, headers)
    if key is None:
        error = error or _BAD_KEY
    answer_format = FORMATS.get(_text(params.get("responseType")) or JSON.name)
    return BulkRequest(
        client_code=_text(params.get("clientCode")) or headers.get("clientcode", ""),
        session_key=_text(params.get("sessionKey")) or headers.get("sessionkey", ""),
        sub_requests=sub_requests,
        is_single=is_single,
        client_address=client_address,
        error=error,
        answer_format=answer_format or JSON,
        format_error=None if answer_format else _UNKNOWN_FORMAT,
        idempotency_key=key or "",
        atomic=bool(switches["atomic"]),
        dry_run=bool(switches["dryRun"]),
        references=bool(switches["references"]),
    )


def _switch(value: Any) -> bool | None:
    """Whether a switch of the envelope is on; None for what is no switch."""
    if value is None:
        return False
    return _SWITCHES.get(value) if isinstance(value, str | int) else None


def _idempotency_key(params: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The header's key before the field's, "" for none and None for what is no key.

    The header may stand in quotes, as its draft has it.
    """
    sent = headers.get("idempotency-key", "").strip()
    given = params.get("idempotencyKey")
    if len(sent) > 1 and sent[0] == sent[-1] == '"':
        sent = sent[1:-1]
    key = sent or ("" if given is None or given == "" else _text(given) or "\0")
    return key if _KEY.fullmatch(key) else None


def contradiction(name: str) -> Inconsistent:
    """The refusal of a parameter that was sent twice with different values."""
    shown = name[:100]
    return Inconsistent(shown, f"{shown} was sent twice with different values.")


def _text(value: Any) -> str:
    """An account code or a key; a JSON number is as good as its digits, anything else is no text."""
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _sub_requests(params: Mapping[str, Any]) -> tuple[tuple[SubRequest, ...], WireError | None]:
    requests = params["requests"]
    if isinstance(requests, str):
        try:
            requests = parse_json(requests)
        except ValueError:
            return (), _MALFORMED_REQUESTS
    if not isinstance(requests, list) or not all(isinstance(each, dict) for each in requests):
        return (), _MALFORMED_REQUESTS
    if len(requests) > SUB_REQUESTS_MAX:
        return (), WireError(
            errors.TOO_MANY_REQUESTS, f"A bulk has at most {SUB_REQUESTS_MAX} sub-requests; nothing was run."
        )
    if any(isinstance(each.get("requestID"), float) and not math.isfinite(each["requestID"]) for each in requests):
        return (), _MALFORMED_REQUESTS  # A number too large to be given back.
    common = {name: params[name] for name in ("getFields", "lang") if name in params}
    return tuple(_sub_request(each, common) for each in requests), None


def _sub_request(given: dict[str, Any], common: Mapping[str, Any]) -> SubRequest:
    repeated = given.repeated if isinstance(given, RepeatedKeys) else ""
    name = given.pop("requestName", None)
    request_id = given.pop("requestID", None)
    if common:
        given = {**common, **{key: value for key, value in given.items() if value is not None}}
    return SubRequest(
        name if isinstance(name, str) else "",
        None if isinstance(request_id, list | dict) else request_id,
        given,
        repeated,
    )
