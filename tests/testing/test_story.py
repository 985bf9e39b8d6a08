"""What pytest shows of the server beside a failed test."""

from types import SimpleNamespace
from typing import cast

from erply_points.testing.sandbox import BODY_SHOWN, ENTRIES_SHOWN, ErplyServer, Sandbox, texts


class Recorded(ErplyServer):
    """A server whose log is given."""

    def __init__(self, entries: list[dict[str, object]]) -> None:
        self._entries = entries
        self.sandbox = cast("Sandbox", SimpleNamespace(process=SimpleNamespace(log=["Serving\n"])))

    def log(self, after: int = 0) -> list[dict[str, object]]:
        return self._entries[after:]


def entry(number: int, name: str = "getCustomers", fault: str | None = None) -> dict[str, object]:
    answer = None if fault == "drop_before" else {"status": {"errorCode": number}}
    return {"number": number, "at": 1_767_225_600.5, "fault": fault, "request": {"request": name}, "answer": answer}


def test_a_line_for_what_was_asked_and_one_for_the_answer() -> None:
    """Time by the account's clock, fault, request, answer; then what the server has printed."""
    story = Recorded([entry(1), entry(2, fault="drop_before")]).story()
    assert story.splitlines() == [
        '2026-01-01 00:00:00 {"request": "getCustomers"}',
        '    -> {"status": {"errorCode": 1}}',
        '2026-01-01 00:00:00 [drop_before] {"request": "getCustomers"}',
        "    -> no answer",
        "The server has printed:",
        "Serving",
    ]


def test_a_long_story_is_cut() -> None:
    """Only the last requests are shown, none of them at any length, and it says what is left out."""
    entries = [entry(number) for number in range(ENTRIES_SHOWN + 7)]
    entries.append(entry(99, "x" * 3 * BODY_SHOWN))
    lines = Recorded(entries).story().splitlines()
    assert lines[0] == "(8 earlier requests are not shown)"
    assert len(lines) == 1 + 2 * ENTRIES_SHOWN + 2
    assert max(map(len, lines)) < BODY_SHOWN + 100
    assert lines[-4].endswith(f"... ({3 * BODY_SHOWN + 15} characters)")


def test_settings_become_text() -> None:
    """Settings may be given as what they are."""
    assert texts({"a": True, "b": False, "c": 12, "d": "x"}) == {"a": "1", "b": "0", "c": "12", "d": "x"}
