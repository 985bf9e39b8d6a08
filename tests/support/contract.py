"""The schemas as the contract: the reference validator, and answers held to them."""

from functools import cache
from typing import Any

from erply_points import schemas
from erply_points.contract.judge import ReferenceValidator


@cache
def reference(uri: str) -> Any:
    """The reference validator of a schema by its `$id`."""
    return ReferenceValidator(schemas.all_schemas()[uri], registry=schemas.registry())


def check_answer(answer: dict[str, Any], request: dict[str, Any]) -> None:
    """Raise ValidationError unless `answer` is what the schemas promise for `request` (its top-level parameters)."""
    if "requests" in request:
        reference("/schemas/erply/bulk.answer.json").validate(answer)
    else:
        reference("/schemas/erply/call.answer.json").validate(answer)
