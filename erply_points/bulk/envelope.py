"""The envelope: from the parameters of an HTTP request to a `BulkRequest`.

Facts: `protocol/erply-envelope.md`, sections 1 to 3. A single call is a bulk of one; only its answer looks different.
What is wrong with the envelope as a whole is found here but reported by the dispatcher, in the documented order.
"""

import json
import math
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

_ENVELOPE: Final = frozenset(
    {
        *("clientCode", "sessionKey", "request", "requests", "version", "responseType", "sendContentType"),
        *("setContentType", "partnerKey"),
    }
)


class RepeatedKeys(dict[str, Any]):
    """A JSON object in which a key stands more than once, with values that differ."""

    repeated: str = ""


@dataclass(frozen=True, slots=True)
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
    )


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
