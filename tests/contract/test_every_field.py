"""The test of the test: no field of a points call can be wrong without a case that fails."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from contract.judging import chosen, furnish
from erply_points import schemas
from erply_points.contract import runner
from erply_points.contract.cases import Case
from erply_points.contract.results import Outcome, Result
from erply_points.contract.wire import Wire
from support.process import ServerProcess
from support.proxy import records

CALLS = [
    "addCustomerRewardPoints",
    "editEarnedRewardPointRecord",
    "editUsedRewardPointRecord",
    "getCustomerRewardPoints",
    "getEarnedRewardPointRecords",
    "getUsedRewardPointRecords",
    "subtractCustomerRewardPoints",
]


class Spoiling(httpx.BaseTransport):
    """Passes requests on, and makes one field of one call's records another value of the same type."""

    def __init__(self, call: str, field: str) -> None:
        self._call = call
        self._field = field
        self._network = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._network.handle_request(request)
        answer = json.loads(response.read())
        for record in records(answer, self._call):
            if self._field in record:
                record[self._field] = spoilt(record[self._field])
        return httpx.Response(200, json=answer)

    def close(self) -> None:
        self._network.close()


def spoilt(value: Any) -> Any:
    """The next number, or the text with a letter more."""
    return value + 1 if isinstance(value, int) else f"{value}x"


def makes(case: Case, call: str) -> bool:
    """Whether the case makes this call, or begins with it."""
    steps = [*case.steps, *(step for given in case.given for step in given.steps)]
    requests = [each for step in steps for each in (*([step.single] if step.single else ()), *(step.bulk or ()))]
    return any(request.call == call for request in requests)


def first_failure(_: Case, result: Result | None) -> None:
    """Ends the run where it is found out."""
    if result is not None and result.outcome is Outcome.FAILED:
        raise KeyboardInterrupt


@pytest.mark.parametrize("call", CALLS)
def test_no_field_can_be_wrong(server: ServerProcess, account: str, call: str) -> None:
    """Each answered field, made another value of its type in all answers of the call, fails a case."""
    asyncio.run(furnish(server.url, account))
    loaded = [case for case in chosen() if makes(case, call)]
    fields = schemas.call_answer(call)["items"]["properties"]
    unnoticed = []
    for field in (name for name, described in fields.items() if "x-use" not in described):
        wire = Wire(server.url, account, "till", "secret", transport=Spoiling(call, field))
        report = runner.run(loaded, wire, runner.Plan(allow_writes=True), first_failure)
        wire.close()
        unnoticed += [] if report.of(Outcome.FAILED) else [field]
    assert unnoticed == []
