"""What a run found: the outcome of each case, and the whole."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from erply_points.contract.cases import Case
from erply_points.contract.findings import Finding


class Outcome(StrEnum):
    """What a case has come to."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Result:
    """One case: `findings` say why it failed, `reason` why it was not checked."""

    case: Case
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    steps_left: int = 0
    """Steps that were not run because an earlier one did not go as expected."""
    seconds: float = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. Holds no secret."""

    url: str
    client_code: str
    started_at: int
    """Unix time."""
    seconds: float
    with_writes: bool
    with_extensions: bool
    strict: bool
    results: Sequence[Result]
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Fields by call that this server leaves out, where that is no fault."""
    left_behind: Sequence[str] = ()
    """Records made by the run that could not be removed, each with the reason."""

    def of(self, outcome: Outcome) -> list[Result]:
        return [result for result in self.results if result.outcome is outcome]

    @property
    def counts(self) -> dict[str, int]:
        return {outcome.value: len(self.of(outcome)) for outcome in Outcome}

    @property
    def reasons(self) -> Counter[str]:
        """Why cases were not checked, and how many for each reason."""
        return Counter(result.reason for result in self.of(Outcome.NOT_CHECKED))

    @property
    def good(self) -> bool:
        """Whether nothing failed; where it is strict, also whether everything was checked."""
        return not self.of(Outcome.FAILED) and not (self.strict and self.of(Outcome.NOT_CHECKED))
