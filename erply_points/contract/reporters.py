"""A run for people and for machines: live progress, a table, JUnit XML and JSON."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any, Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from erply_points import __version__
from erply_points.contract.cases import Case
from erply_points.contract.results import Outcome, Report, Result

_COLOURS: Final = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.NOT_CHECKED: "yellow"}
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, even written as references."""


class Watcher:
    """Live progress: a bar on a terminal, elsewhere a line for each case that is done."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, case: Case, result: Result | None) -> None:
        """Take note of a case that begins, or of its result."""
        if result is None:
            self._progress.update(self._task, description=f"{escape(case.group)}: {case.name}")
            return
        self._progress.advance(self._task)
        if result.outcome is Outcome.FAILED or not self._console.is_terminal:
            colour = _COLOURS[result.outcome]
            line = f"[{colour}]{result.outcome.value:11}[/] {case.name} [dim]{result.seconds:.2f} s[/]"
            self._console.print(line, soft_wrap=True, highlight=False)


def print_report(report: Report, console: Console) -> None:
    """Groups in a table, what failed in full, and what was not checked by reason."""
    table = Table(title=escape(f"Contract of {report.url}, account {report.client_code}"), title_justify="left")
    table.add_column("")
    for outcome in Outcome:
        table.add_column(outcome.value, justify="right", style=_COLOURS[outcome])
    for group in dict.fromkeys(result.case.group for result in report.results):
        counts = [sum(each.case.group == group for each in report.of(outcome)) for outcome in Outcome]
        table.add_row(escape(group), *(str(count) if count else "" for count in counts))
    table.add_section()
    table.add_row("all", *(str(count) for count in report.counts.values()))
    console.print(table)
    for result in report.of(Outcome.FAILED):
        console.print(f"\n[bold red]{result.case.name}[/]: {escape(result.case.promises)} ({result.case.basis})")
        for line in _failure(result):
            console.print(f"  {escape(line)}", soft_wrap=True, highlight=False)
    _print_lists(report, console)
    console.print(f"\n{escape(summary(report))}", soft_wrap=True, highlight=False)


def _print_lists(report: Report, console: Console) -> None:
    reasons = [f"{count:4} {reason}" for reason, count in report.reasons.most_common()]
    left_out = [f"{call}: {', '.join(fields)}" for call, fields in report.left_out.items()]
    for title, lines in (
        ("Not checked:", reasons),
        ("Fields that this server leaves out, which only erply-points owes:", left_out),
        ("Left behind by this run:", report.left_behind),
    ):
        if lines:
            console.print(f"\n[bold]{title}[/]")
        for line in lines:
            console.print(f"  {escape(line)}", soft_wrap=True, highlight=False)


def summary(report: Report) -> str:
    """One line: how many passed, failed and were not checked, and what the run was allowed."""
    counted = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    asked = "with writes" if report.with_writes else "reads only"
    beyond = "with extensions" if report.with_extensions else "without extensions"
    return f"{counted}, in {report.seconds:.1f} s, {asked}, {beyond}."


def _failure(result: Result) -> list[str]:
    lines = [finding.sentence for finding in result.findings]
    left = result.steps_left
    return [*lines, f"{left} later {'step was' if left == 1 else 'steps were'} not run."] if left else lines


def to_json(report: Report) -> str:
    """The whole report; `docs/contract.md` says what stands where."""
    return json.dumps(_record(report), indent=2, ensure_ascii=False) + "\n"


def _record(report: Report) -> dict[str, Any]:
    return {
        "erplyPoints": __version__,
        "url": report.url,
        "clientCode": report.client_code,
        "startedUnixTime": report.started_at,
        "seconds": round(report.seconds, 3),
        "writes": report.with_writes,
        "extensions": report.with_extensions,
        "strict": report.strict,
        "good": report.good,
        "counts": report.counts,
        "notChecked": dict(report.reasons),
        "leftOutFields": {call: list(fields) for call, fields in report.left_out.items()},
        "leftBehind": list(report.left_behind),
        "cases": [_case_record(result) for result in report.results],
    }


def _case_record(result: Result) -> dict[str, Any]:
    return {
        "name": result.case.name,
        "group": result.case.group,
        "promises": result.case.promises,
        "basis": result.case.basis,
        "writes": result.case.writes,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "findings": [
            {"step": each.step, "path": each.path, "expected": each.expected, "came": each.came}
            for each in result.findings
        ],
        "stepsLeft": result.steps_left,
        "requests": result.requests,
        "seconds": round(result.seconds, 3),
    }


def to_junit(report: Report) -> str:
    """JUnit XML: a suite per group; what was not checked is skipped, or a failure where the run is strict."""
    root = ET.Element("testsuites", _counted("erply-points contract", report.results, report))
    for group in dict.fromkeys(result.case.group for result in report.results):
        results = [result for result in report.results if result.case.group == group]
        suite = ET.SubElement(root, "testsuite", _counted(group, results, report))
        for result in results:
            _test_case(suite, result, report)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _test_case(suite: ET.Element, result: Result, report: Report) -> None:
    attributes = {"classname": f"contract.{_xml(result.case.group)}", "name": result.case.name}
    case = ET.SubElement(suite, "testcase", {**attributes, "time": f"{result.seconds:.3f}"})
    if result.outcome is Outcome.FAILED:
        lines = [_xml(line) for line in (result.case.promises, *_failure(result))]
        failure = ET.SubElement(case, "failure", {"message": lines[1]})
        failure.text = "\n".join(lines)
    elif result.outcome is Outcome.NOT_CHECKED:
        name = "failure" if report.strict else "skipped"
        ET.SubElement(case, name, {"message": f"not checked: {_xml(result.reason)}"})


def _counted(name: str, results: Sequence[Result], report: Report) -> dict[str, str]:
    failed = sum(result.outcome is Outcome.FAILED for result in results)
    not_checked = sum(result.outcome is Outcome.NOT_CHECKED for result in results)
    return {
        "name": _xml(name),
        "tests": str(len(results)),
        "failures": str(failed + not_checked if report.strict else failed),
        "skipped": str(0 if report.strict else not_checked),
        "errors": "0",
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _xml(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
