"""Runs cases against a server, one request at a time, and says of each whether it passed, failed or was not checked.

A case ends at the first step that does not go as expected. What a case could not check counts as not checked, with the
reason, never as passed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from erply_points.contract import cleanup, relations
from erply_points.contract.cases import OURS, Case, Expectation, Given, Request, Step
from erply_points.contract.findings import Finding, number, same, shown
from erply_points.contract.judge import Judge
from erply_points.contract.references import NothingThere, at, resolved
from erply_points.contract.results import Outcome, Report, Result
from erply_points.contract.wire import LoginRefused, NoAnswer, Wire

EXTENSIONS_ENDPOINT: Final = "erply-points"
"""What getServiceEndpoints names on a server that has our extensions."""

_LACKING: Final[Mapping[int, str]] = {
    1006: "the account lacks the module for {call} (1006)",
    1060: "the user may not view what {call} lists (1060)",
    1061: "the user may not add with {call} (1061)",
    1062: "the user may not edit with {call} (1062)",
    1063: "the user may not delete with {call} (1063)",
    1064: "the user has no access to the store (1064)",
}
"""Errors that say something of the account and its user, not of how the server keeps the protocol."""
_QUOTA: Final = 1002
_NOTHING: Final = object()
"""Stands where an answer has nothing."""
_SILENT_MAX: Final = 3
"""Requests in a row without an answer, after which the run ends."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is made."""

    allow_writes: bool = False
    extensions: bool | None = None
    """Whether cases of our own making are run; None asks the server."""
    strict: bool = False


class _Failed(Exception):
    """A step did not go as expected."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings)
        self.findings = findings


class _Unmet(_Failed):
    """The shape of an answer is right, but it is not what the case expects."""


class _NotChecked(Exception):
    """A case cannot go on, and that says nothing against the server."""


class _Ended(Exception):
    """No further request is worth sending; the text says why."""


def run(cases: Sequence[Case], wire: Wire, plan: Plan, watch: Callable[[Case, Result | None], None]) -> Report:
    """Run all cases; `watch` is told of each before and after it.

    Raises LoginRefused or NoAnswer if there is no session to begin with.
    """
    started = time.monotonic()
    started_at = int(time.time())
    wire.log_in()
    extensions = claims_extensions(wire) if plan.extensions is None else plan.extensions
    runner = _Runner(wire, plan, extensions=extensions)
    results = []
    try:
        for case in cases:
            watch(case, None)
            results.append(runner.result(case))
            watch(case, results[-1])
    except KeyboardInterrupt:
        rest = cases[len(results) :]
        results += [Result(case, Outcome.NOT_CHECKED, reason="the run was interrupted") for case in rest]
    left_behind = runner.clean_up()
    return Report(
        wire.shown_url,
        wire.client_code,
        started_at,
        time.monotonic() - started,
        plan.allow_writes,
        extensions,
        plan.strict,
        results,
        {call: sorted(fields) for call, fields in sorted(runner.judge.left_out.items())},
        left_behind,
    )


def claims_extensions(wire: Wire) -> bool:
    """Whether the server says that it has what erply-points adds to the protocol."""
    params = {"clientCode": wire.client_code, "sessionKey": wire.session_key, "request": "getServiceEndpoints"}
    try:
        return EXTENSIONS_ENDPOINT in at(wire.ask(params).answer, "records[0]")
    except (NothingThere, NoAnswer):
        return False


class _Runner:
    def __init__(self, wire: Wire, plan: Plan, *, extensions: bool) -> None:
        self.judge = Judge(full=extensions)
        self._wire = wire
        self._plan = plan
        self._extensions = extensions
        self._made = cleanup.Made()
        self._spoilt: dict[str, str] = {}
        """Givens that have failed, and in which case."""
        self._unknown: list[str] = []
        """Requests that may have made something, of which nothing is known."""
        self._ended = ""
        self._silent = 0
        self._number = 0

    def result(self, case: Case) -> Result:
        self._number += 1
        started, sent = time.monotonic(), self._wire.requests
        reason = self._reason_against(case)
        outcome = Result(case, Outcome.NOT_CHECKED, reason=reason) if reason else self._run(case)
        return replace(outcome, seconds=time.monotonic() - started, requests=self._wire.requests - sent)

    def _reason_against(self, case: Case) -> str:
        """Why a case is not even begun; "" if nothing speaks against it."""
        if case.basis == OURS and not self._extensions:
            return "beyond Erply: the server does not say that it has erply-points' extensions (--extensions)"
        if case.writes and not self._plan.allow_writes:
            return "needs writes (--allow-writes)"
        if self._ended:
            return self._ended
        spoilt = next((each.name for each in case.given if each.name in self._spoilt), None)
        return f"what it begins with, {spoilt}, failed in case {self._spoilt[spoilt]}" if spoilt else ""

    def _run(self, case: Case) -> Result:
        steps = [
            *((given, step) for given in case.given for step in given.steps),
            *((None, step) for step in case.steps),
        ]
        unique = f"{time.time_ns() // 1_000_000}{self._number:03d}"
        scope: dict[str, Any] = {"unique": unique}
        done = 0
        try:
            for given, step in steps:
                self._step(step, given, scope, case)
                done += 1
            self._stop([finding for each in case.relations if (finding := relations.check(each, scope))])
        except _Failed as failed:
            findings = tuple(map(self._wire.secrets.hide_in, failed.findings))
            return Result(case, Outcome.FAILED, findings, steps_left=max(0, len(steps) - done - 1))
        except _NotChecked as reason:
            return Result(case, Outcome.NOT_CHECKED, reason=self._wire.secrets.hide(str(reason)))
        except _Ended as reason:
            self._ended = self._wire.secrets.hide(str(reason))
            return Result(case, Outcome.NOT_CHECKED, reason=self._ended)
        return Result(case, Outcome.PASSED)

    def _step(self, step: Step, given: Given | None, scope: dict[str, Any], case: Case) -> None:
        try:
            self._take(step, scope)
        except _Failed as failed:
            if step.lacks and isinstance(failed, _Unmet):
                raise _NotChecked(f"the account lacks {step.lacks}") from None
            if given is not None:
                self._spoilt[given.name] = case.name
            raise

    def _take(self, step: Step, scope: dict[str, Any]) -> None:
        """Send a step, judge what comes, and put the answers into the scope by their names."""
        name = step.name or (step.single.call if step.single else "bulk" if step.bulk is not None else "request")
        wire = self._wire
        scope["account"] = {
            "clientCode": wire.client_code,
            "username": wire.username,
            "password": wire.password,
            "sessionKey": wire.session_key,
        }
        try:
            requests = list(_copies(step.bulk, scope)) if step.bulk is not None else None
            params = self._params(step, requests, scope)
        except NothingThere as error:
            raise _Failed([Finding(name, "", f"a value at {error} to send", "nothing")]) from None
        time.sleep(step.wait_seconds)
        exchange = self._ask(params, step, name)
        answer = exchange.answer
        found = []
        wanted = step.expect.content_type
        if wanted and exchange.content_type != wanted:
            found.append(Finding(name, "Content-Type", wanted, exchange.content_type or "nothing"))
        if requests is None:
            call = step.single.call if step.single else params.get("request", "")
            if "requests" in params:
                found += self.judge.bulk(answer, name)
            else:
                found += self.judge.single(answer, str(call), name, trimmed="getFields" in params)
            self._made.note(str(call), params, answer, scope["unique"])
            self._stop(found)
            if step.name:
                scope[step.name] = answer
            self._meet(self._met(step.expect, answer, scope, name, "", str(call)))
            return
        found += self.judge.bulk(answer, name)
        self._stop(found)
        if step.name:
            scope[step.name] = answer
        self._meet(self._met(step.expect, answer, scope, name, "", "the bulk"))
        if answer["status"]["errorCode"] == 0 or answer.get("requests"):
            self._parts(requests, answer.get("requests") or [], scope, name, trimmed="getFields" in params)

    def _parts(
        self, requests: Sequence[Request], answers: Sequence[Any], scope: dict[str, Any], step: str, *, trimmed: bool
    ) -> None:
        if len(answers) != len(requests):
            self._stop([Finding(step, "requests", f"{len(requests)} answers", str(len(answers)))])
        found = []
        for position, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            path = f"requests[{position}]"
            cut = trimmed or "getFields" in request.params
            self._made.note(request.call, request.params, answer, scope["unique"])
            found += self.judge.part(answer, request.call, request.request_id, step, path, trimmed=cut)
            if request.name:
                scope[request.name] = answer
        self._stop(found)
        for position, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            found += self._met(request.expect, answer, scope, step, f"requests[{position}]", request.call)
        self._meet(found)

    def _stop(self, findings: Sequence[Finding]) -> None:
        if findings:
            raise _Failed(findings)

    def _meet(self, findings: Sequence[Finding]) -> None:
        if findings:
            raise _Unmet(findings)

    def _params(self, step: Step, requests: list[Request] | None, scope: Mapping[str, Any]) -> dict[str, Any]:
        params: dict[str, Any] = {"clientCode": self._wire.client_code, "sessionKey": self._wire.session_key}
        params["sendContentType"] = 1
        if step.single:
            params |= {"request": step.single.call, **resolved(step.single.params, scope)}
        if requests is not None:
            params["requests"] = [_sent(each) for each in requests]
        params |= resolved(step.top, scope)
        return {name: value for name, value in params.items() if name not in step.without}

    def _ask(self, params: Mapping[str, Any], step: Step, name: str) -> Any:
        try:
            exchange = self._wire.ask(params, step.send, slash=step.slash)
        except NoAnswer as error:
            if step.writes:
                self._unknown.append(f"{name} got no answer: what it has made, if anything, is not known")
            self._silent += 1
            if self._silent >= _SILENT_MAX:
                self._ended = f"the server gave no answer {_SILENT_MAX} times in a row"
            raise _Failed([Finding(name, "", "an answer in JSON with HTTP status 200", str(error))]) from None
        except LoginRefused as error:
            raise _Ended(f"the session has ended and there is no new one: {error}") from None
        self._silent = 0
        return exchange

    def _met(
        self, expect: Expectation, answer: Mapping[str, Any], scope: Mapping[str, Any], step: str, path: str, call: str
    ) -> list[Finding]:
        """What an answer is not that it should be. Raises _NotChecked if that is for the account's sake."""
        status = answer["status"]
        code = status["errorCode"]
        if code not in expect.errors:
            if code == _QUOTA:
                raise _Ended("the account's hourly quota is used up (1002)")
            if code in _LACKING:
                raise _NotChecked(_LACKING[code].format(call=call))
            expected = " or ".join(map(str, expect.errors))
            came = f"{code}, errorField {shown(status.get('errorField'))}" if code else "0"
            return [Finding(step, _join(path, "status.errorCode"), expected, came)]
        if code and expect.error_field is not None and status.get("errorField") != expect.error_field:
            came = shown(status.get("errorField"))
            return [Finding(step, _join(path, "status.errorField"), shown(expect.error_field), came)]
        return list(_differences(expect, answer, scope, step, path))

    def clean_up(self) -> list[str]:
        """Take away what was made; return what is left."""
        left = cleanup.LeftBehind()
        for bulk in self._made.removals():
            params = {"clientCode": self._wire.client_code, "sessionKey": self._wire.session_key, "requests": bulk}
            try:
                answer = self._wire.ask(params).answer
            except (NoAnswer, LoginRefused):
                answer = {}
            left.take(bulk, answer.get("requests"))
        return [*left.sentences, *self._unknown]


def _copies(bulk: Sequence[Request], scope: Mapping[str, Any]) -> Iterator[Request]:
    """The sub-requests as they are sent: repeated, with their parameters and requestIDs."""
    for request in bulk:
        request_id = request.request_id
        if request_id is None and request.name:
            request_id = f"{request.name}-{scope['unique']}"
        for copy in range(request.repeat):
            sent = f"{request_id}-{copy}" if request.repeat > 1 and request_id is not None else request_id
            yield replace(request, params=resolved(dict(request.params), scope), request_id=sent)


def _sent(request: Request) -> dict[str, Any]:
    request_id = {} if request.request_id is None else {"requestID": request.request_id}
    return {"requestName": request.call, **request_id, **request.params}


def _differences(
    expect: Expectation, answer: Mapping[str, Any], scope: Mapping[str, Any], step: str, path: str
) -> Iterator[Finding]:
    counted = len(answer.get("records") or [])
    if expect.records is not None and counted != expect.records:
        yield Finding(step, _join(path, "records"), f"{expect.records} records", str(counted))
    total = answer["status"].get("recordsTotal")
    if expect.total is not None and total != expect.total:
        yield Finding(step, _join(path, "status.recordsTotal"), str(expect.total), shown(total))
    for place, expected, came in (*_unlike(expect, answer, scope), *_below(expect, answer)):
        yield Finding(step, _join(path, place), expected, "nothing" if came is _NOTHING else shown(came))


def _unlike(expect: Expectation, answer: Mapping[str, Any], scope: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Places that have nothing, something or another value than expected, with what was expected and what came."""
    yield from ((place, "a value", _NOTHING) for place in expect.has if _found(answer, place) is _NOTHING)
    for place in expect.absent:
        if (came := _found(answer, place)) is not _NOTHING:
            yield place, "nothing", came
    for place, said in expect.values.items():
        came = _found(answer, place)
        try:
            wanted = resolved(said, scope)
        except NothingThere as error:
            yield place, f"the value at {error}, where nothing is", came
        else:
            if not same(came, wanted):
                yield place, shown(wanted), came


def _below(expect: Expectation, answer: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Places where no number above the one expected stands, with what was expected and what came."""
    for place, least in expect.above.items():
        came = _found(answer, place)
        value = number(came)
        if value is None or value <= Decimal(str(least)):
            yield place, f"a number above {least}", came


def _found(answer: Mapping[str, Any], place: str) -> Any:
    try:
        return at(answer, place)
    except NothingThere:
        return _NOTHING


def _join(path: str, rest: str) -> str:
    return f"{path}.{rest}" if path else rest
