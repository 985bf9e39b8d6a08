"""Answers held to the schemas: in full against a server of ours, and as far as is fair against any other.

What is judged either way: the shape of statuses, that they agree with themselves, and the type of every field that is
there. What a server of another make does not owe: fields of records that it leaves out (they are remarked on), and
`errorField` and `records` on errors. What it has beyond our schemas is its own affair. Why: decision 0033.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from erply_points import schemas
from erply_points.contract.findings import Finding, exactly, shown
from erply_points.contract.reference import ReferenceValidator

COMMON: Final = "/schemas/erply/common.json"
_FINDINGS_MAX: Final = 5
"""Of one list of records; the first few say what is wrong."""


@cache
def _validator(reference: str) -> Any:
    return ReferenceValidator({"$ref": reference}, registry=schemas.registry())


class Judge:
    """Knows how strict to be, and gathers which fields were left out where that is no fault."""

    def __init__(self, *, full: bool) -> None:
        self._full = full
        self.left_out: dict[str, set[str]] = {}
        """Fields of records by call."""

    def single(self, answer: Mapping[str, Any], call: str, step: str, *, trimmed: bool = False) -> list[Finding]:
        """What is wrong with the answer to a single call, whatever it says; `trimmed` if getFields was sent."""
        findings = self._status(answer, "callStatus", step, "")
        findings += [] if findings else _named(answer, "request", call, step, "")
        return findings or self._records(answer, call, step, "", trimmed=trimmed)

    def bulk(self, answer: Mapping[str, Any], step: str) -> list[Finding]:
        """What is wrong with a bulk's answer as a whole."""
        findings = self._status(answer, "bulkStatus", step, "")
        if findings:
            return findings
        answers = answer.get("requests")
        if answers is None and answer["status"]["errorCode"] != 0:
            return []
        if isinstance(answers, list) and all(isinstance(each, dict) for each in answers):
            return []
        return [Finding(step, "requests", "a list of answers", shown(answers) if "requests" in answer else "nothing")]

    def part(
        self, answer: Mapping[str, Any], call: str, request_id: Any, step: str, path: str, *, trimmed: bool = False
    ) -> list[Finding]:
        """What is wrong with one answer of a bulk, which stands at `path`."""
        findings = self._status(answer, "subStatus", step, path)
        if findings:
            return findings
        came = answer["status"]["requestID"]
        if not exactly(came, request_id):
            expected = f"{shown(request_id)}, as sent with sub-request {path.removeprefix('requests')}"
            findings.append(Finding(step, _join(path, "status.requestID"), expected, shown(came)))
        findings += _named(answer, "requestName", call, step, path)
        return findings or self._records(answer, call, step, path, trimmed=trimmed)

    def _status(self, answer: Mapping[str, Any], kind: str, step: str, path: str) -> list[Finding]:
        status = answer.get("status")
        if not self._full and isinstance(status, dict) and status.get("responseStatus") == "error":
            status = {"errorField": None, **status}
        validator = _validator(f"{COMMON}#/$defs/{kind}")
        return [_finding(error, step, _join(path, "status")) for error in validator.iter_errors(status)]

    def _records(self, answer: Mapping[str, Any], call: str, step: str, path: str, *, trimmed: bool) -> list[Finding]:
        status, records = answer["status"], answer.get("records")
        place = _join(path, "records")
        if status["errorCode"] != 0:
            if records in (None, []) and ("records" in answer or not self._full):
                return []
            return [Finding(step, place, "null or []", shown(records) if "records" in answer else "nothing")]
        if not isinstance(records, list):
            return [Finding(step, place, "a list", shown(records) if "records" in answer else "nothing")]
        if status["recordsInResponse"] != len(records):
            number = _join(path, "status.recordsInResponse")
            return [Finding(step, number, f"{len(records)}, the number of records", shown(status["recordsInResponse"]))]
        uri = f"/schemas/erply/calls/{call}.answer.json"
        if uri not in schemas.all_schemas():
            return []
        findings: list[Finding] = []
        for error in _validator(uri).iter_errors(records):
            if error.validator == "required" and trimmed:
                continue
            if error.validator == "required" and not self._full:
                where = [str(each) for each in error.absolute_path if isinstance(each, str)]
                missing = [name for name in error.validator_value if name not in error.instance]
                self.left_out.setdefault(call, set()).update(".".join([*where, name]) for name in missing)
            elif len(findings) < _FINDINGS_MAX:
                findings.append(_finding(error, step, place))
        return findings


def _named(answer: Mapping[str, Any], key: str, call: str, step: str, path: str) -> list[Finding]:
    came = answer["status"][key]
    return [] if came == call else [Finding(step, _join(path, f"status.{key}"), shown(call), shown(came))]


def _join(path: str, rest: str) -> str:
    return f"{path}.{rest}" if path else rest


def _finding(error: Any, step: str, place: str) -> Finding:
    path = place + "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return Finding(step, f"{path}.{missing[0]}", "a value", "nothing")
    if error.validator is None:  # The schema `false`.
        return Finding(step, path, "nothing here", shown(error.instance))
    wanted = error.validator_value
    if error.validator == "type":
        kinds = wanted if isinstance(wanted, list) else [wanted]
        return Finding(step, path, f"type {' or '.join(kinds)}", shown(error.instance))
    return Finding(step, path, f"{error.validator} {shown(wanted)}", shown(error.instance))
