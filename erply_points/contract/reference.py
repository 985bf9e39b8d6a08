"""The schemas as the contract: the reference validator, and answers held to them."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from erply_points import schemas


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Any:
    # `$` of JSON Schema is the very end; Python's also stands before a last line feed.
    if isinstance(instance, str) and not re.search(_exact(pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _exact(pattern: str) -> str:
    return re.sub(r"\$$", r"\\Z", pattern)


ReferenceValidator: Any = validators.extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # theirs has no types
"""jsonschema, with the end of a pattern as JSON Schema means it."""


@cache
def reference(uri: str) -> Any:
    """The reference validator of a schema by its `$id`."""
    return ReferenceValidator(schemas.all_schemas()[uri], registry=schemas.registry())


def check_answer(answer: dict[str, Any], request: Mapping[str, Any]) -> None:
    """Raise ValidationError unless `answer` is what the schemas promise for `request` (its top-level parameters)."""
    if "requests" in request:
        reference("/schemas/erply/bulk.answer.json").validate(answer)
    else:
        reference("/schemas/erply/call.answer.json").validate(answer)
