"""Which cases tests of the kit run, and what they look at in a report."""

from collections.abc import Callable
from pathlib import Path

import httpx

from erply_points.contract import cases
from erply_points.contract.cases import Case
from erply_points.contract.results import Outcome, Report
from support.client import Erply

Run = Callable[..., Report]


def chosen(only: str = "") -> list[Case]:
    """Our cases of a group, or of all, but for those that wait."""
    loaded = [each for each in cases.load() if not any(step.wait_seconds for step in each.steps)]
    return [each for each in loaded if not only or each.group == only]


def failed(report: Report) -> set[str]:
    """The names of the cases that failed."""
    return {result.case.name for result in report.of(Outcome.FAILED)}


def folder(path: Path, text: str) -> Path:
    """A folder with one file of cases, `own.toml`."""
    path.mkdir(exist_ok=True)
    (path / "own.toml").write_text(text, "utf-8")
    return path


async def furnish(url: str, account: str) -> None:
    """A store and a till, which no case makes."""
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        erply = await Erply(http, account).log_in()
        store = await erply.record("saveWarehouse", nameENG="South")
        await erply.record("savePointOfSale", name="Till 1", warehouseID=store["warehouseID"])
