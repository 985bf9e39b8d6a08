"""Values that a sub-request takes from the answers before it in the bulk.

CURRENT_INVOICE_ID is the document that the nearest saveSalesDocument before it has saved; where it may stand, the
schemas say (`invoiceReference`). Facts and decisions: `docs/protocol/current-invoice-id.md`. Where the bulk says
`references=1`, any value may be `@{NAME.field}`: a field of the answer to the sub-request whose requestID is NAME.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from erply_points import schemas
from erply_points.bulk import errors
from erply_points.bulk.answers import Outcome
from erply_points.bulk.envelope import SubRequest
from erply_points.bulk.errors import WireError
from erply_points.calls.call import Params

PLACEHOLDER: Final = "CURRENT_INVOICE_ID"
SAVING_CALL: Final = "saveSalesDocument"

_REFERENCE: Final = "../common.json#/$defs/invoiceReference"
_NAMED: Final = re.compile(r"@\{([^{}]+?)\.(?:records\[([0-9]{1,4})\]\.)?([A-Za-z_][A-Za-z0-9_]*)\}")


@cache
def reference_fields(call: str) -> tuple[str, ...]:
    """The parameters of a call that may hold the placeholder."""
    properties = schemas.call_request(call).get("properties", {})
    return tuple(name for name, described in properties.items() if described.get("$ref") == _REFERENCE)


@dataclass(slots=True)
class CurrentInvoice:
    """What the last saveSalesDocument of the bulk has come to."""

    saved: bool = False
    """Whether there was one at all."""
    document_id: int = 0
    error_code: int = 0

    def take(self, outcome: Outcome) -> None:
        """Follow what a saveSalesDocument has come to."""
        self.saved = True
        self.document_id = 0 if outcome.error else int(outcome.records[0]["invoiceID"])
        self.error_code = outcome.error.code if outcome.error else 0

    def resolve(self, call: str, params: Params, *, refuse: bool) -> Params | WireError:
        """The parameters with the document's ID in place of the placeholder, or why the call is not run.

        After a failed invoice the call runs without a reference, unless the account says `refuse`. After a
        duplicate it never runs: its first run may have taken the points already.
        """
        if PLACEHOLDER not in params.values():
            return params
        held = [name for name in reference_fields(call) if params.get(name) == PLACEHOLDER]
        if not held:
            return params
        if not self.saved:
            return WireError(
                errors.BAD_VALUE,
                "CURRENT_INVOICE_ID needs a saveSalesDocument before it in the same bulk.",
                held[0],
            )
        if self.error_code == errors.DUPLICATE_UUID:
            return WireError(errors.INVOICE_DUPLICATE, "Not run: the invoice before it was a duplicate.", held[0])
        if self.error_code and refuse:
            return WireError(errors.SOURCE_FAILED, "Not run: the invoice before it was not saved.", held[0])
        return {**params, **dict.fromkeys(held, self.document_id)}


@dataclass(frozen=True, slots=True)
class Reference:
    """That a parameter takes its value from an answer."""

    parameter: str
    name: str
    source: int
    """Position of the sub-request in the bulk."""
    record: int
    field: str


def named_references(position: int, sub_requests: Sequence[SubRequest]) -> list[Reference] | WireError:
    """The references of one sub-request, or what is wrong with the first that leads nowhere.

    A name that several have is that of the nearest before it.
    """
    found = []
    for parameter, value in sub_requests[position].params.items():
        match = _NAMED.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            continue
        name, record, field = match.groups()
        sources = (before for before in range(position - 1, -1, -1) if _is_named(sub_requests[before], name))
        source = next(sources, None)
        if source is None:
            shown = parameter[:100]
            return WireError(errors.BAD_VALUE, f"No sub-request before this one has the requestID {name[:100]}.", shown)
        found.append(Reference(parameter, name, source, int(record or 0), field))
    return found


def _is_named(sub_request: SubRequest, name: str) -> bool:
    request_id = sub_request.request_id
    return request_id is not None and str(request_id) == name


def resolve(
    params: Mapping[str, Any], references: Sequence[Reference], outcomes: Sequence[Outcome]
) -> dict[str, Any] | WireError:
    """The parameters as they would have been sent, or why the call is not run."""
    resolved = dict(params)
    for reference in references:
        source = outcomes[reference.source]
        shown = reference.parameter[:100]
        if source.error is not None:
            return WireError(errors.SOURCE_FAILED, f"Not run: sub-request {reference.name[:100]} failed.", shown)
        record = source.records[reference.record] if reference.record < len(source.records) else {}
        value = record.get(reference.field)
        if value is None or isinstance(value, list | dict):
            message = f"The answer to {reference.name[:100]} has no single value {reference.field[:100]} there."
            return WireError(errors.BAD_VALUE, message, shown)
        resolved[reference.parameter] = value
    return resolved
