"""Answers: what became of each sub-request, in the shape that clients expect.

Facts: `docs/protocol/erply-envelope.md`, sections 2 and 3. An answer belongs to its request by construction: both stand
at the same place of their lists.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from erply_points.bulk.envelope import SubRequest
from erply_points.bulk.errors import WireError
from erply_points.bulk.formats import Answer
from erply_points.calls.call import Record
from erply_points.ledger.amounts import UnixSeconds


@dataclass(slots=True)
class Outcome:
    """What became of one sub-request."""

    records: list[Record] = field(default_factory=list)
    total: int = 0
    """Matches before paging; for calls that list nothing, the number of records."""
    error: WireError | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """What all statuses of one answer share."""

    at: UnixSeconds
    seconds: float
    error_records: list[Record] | None = None
    dry_run: bool = False

    def single(self, sub_request: SubRequest, outcome: Outcome) -> Answer:
        answer = self._answer({"request": sub_request.name}, outcome, self.seconds)
        answer["status"] |= self._marks()
        return answer

    def bulk(
        self, sub_requests: Iterable[SubRequest], outcomes: Iterable[Outcome], error: WireError | None = None
    ) -> Answer:
        answers = [
            self._answer(
                {"requestName": sub_request.name, "requestID": sub_request.request_id}, outcome, outcome.seconds
            )
            for sub_request, outcome in zip(sub_requests, outcomes, strict=True)
        ]
        return {"status": self._bulk_status(error), "requests": answers}

    def bulk_error(self, error: WireError) -> Answer:
        return {"status": self._bulk_status(error)}

    def _bulk_status(self, error: WireError | None) -> dict[str, Any]:
        times = {"generationTime": round(self.seconds, 6)}
        return {"requestUnixTime": self.at, **_verdict(error), **times, **self._marks()}

    def _marks(self) -> dict[str, Any]:
        return {"dryRun": 1} if self.dry_run else {}

    def _answer(self, status: dict[str, Any], outcome: Outcome, seconds: float) -> Answer:
        """The answer to a sub-request whose `status` says so far only which one it is."""
        status["requestUnixTime"] = self.at
        status |= _verdict(outcome.error)
        status["generationTime"] = round(seconds, 6)
        status["recordsTotal"] = outcome.total
        status["recordsInResponse"] = len(outcome.records)
        return {"status": status, "records": self.error_records if outcome.error else outcome.records}


_GOOD: Final[Mapping[str, Any]] = {"responseStatus": "ok", "errorCode": 0}


def _verdict(error: WireError | None) -> Mapping[str, Any]:
    if error is None:
        return _GOOD
    return {
        "responseStatus": "error",
        "errorCode": error.code,
        "errorField": error.field,
        "errorMessage": error.message,
    }
