"""CURRENT_INVOICE_ID: the document that the nearest saveSalesDocument before it in the bulk has saved.

Facts and decisions: `protocol/current-invoice-id.md`. Where it may stand, the schemas say (`invoiceReference`).
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from erply_points import schemas
from erply_points.bulk import errors
from erply_points.bulk.errors import WireError
from erply_points.calls.call import Params

PLACEHOLDER: Final = "CURRENT_INVOICE_ID"
SAVING_CALL: Final = "saveSalesDocument"

_REFERENCE: Final = "../common.json#/$defs/invoiceReference"


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

    def succeed(self, document_id: int) -> None:
        self.saved, self.document_id, self.error_code = True, document_id, 0

    def fail(self, code: int) -> None:
        self.saved, self.document_id, self.error_code = True, 0, code

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
                errors.REFERENCE_MISSING,
                "CURRENT_INVOICE_ID needs a saveSalesDocument before it in the same bulk.",
                held[0],
            )
        if self.error_code == errors.DUPLICATE_UUID:
            return WireError(errors.INVOICE_DUPLICATE, "Not run: the invoice before it was a duplicate.", held[0])
        if self.error_code and refuse:
            return WireError(errors.INVOICE_FAILED, "Not run: the invoice before it was not saved.", held[0])
        return {**params, **dict.fromkeys(held, self.document_id)}
