"""The reader of ledger stories: a story that is not true, or cannot be read, fails with its line."""

import pytest

from support.story import StoryError, story


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("redeem 600 on 02-01 -> B 500  A 99", "it was: B 500 A 100"),
        ("redeem 600 on 02-01 -> A 100  B 500", "it was: B 500 A 100"),
        ("redeem 900 on 02-01", "NotEnoughPoints"),
        ("redeem 900 on 02-01 -> NotEnoughPoints spendable 900", "it was: NotEnoughPoints spendable 800"),
        ("redeem 100 on 02-01 -> NotEnoughPoints spendable 800", "it was: B 100"),
        ("redeem 100 on 02-01 ->", "no line of a story"),
        ("redeem all on 02-01", "cannot be read"),
        ("redeem 1 on 02-30", "ValueError"),
        ("earn C 5 until 06-01", "needs a day"),
        ("earn A 5 on 02-01 for ever", "a name of its own"),
        ("earn C 5 on 02-01 for ever and a day", "no lot: and a day"),
        ("earn C 5 on 02-01 for ever -> C repays R1 5", "it was: none"),
        ("lots A 300 until 06-01  B 500 until 03-01", "it was: B 500 until 03-01 A 300 until 06-01"),
        ("lots none", "it was: B 500"),
        ("debts R1 5", "it was: none"),
        ("entries earn 300 on 01-01", "it was: earn 300 on 01-01 earn 500 on 01-01"),
        ("totals earned 1", "it was: earned 800"),
        ("totals stolen 1", "AttributeError"),
        ("balance 801 on 02-01", "it was: 800 on 02-01"),
        ("balance 800 on 02-01 -> none", "no line of a story"),
        ("allow everything", "it was: below zero"),
        ("donate 5 on 02-01", "no line of a story"),
    ],
)
def test_a_wrong_line_fails_by_its_number(line: str, reason: str) -> None:
    """A story stops at the line that is not true and says what was true instead."""
    with pytest.raises(StoryError) as failure:
        story(f"""
            lots    A 300 until 06-01    B 500 until 03-01
            {line}
        """)
    assert str(failure.value).startswith(f"line 3: {' '.join(line.split())}\n")
    assert reason in str(failure.value)


def test_a_given_lot_that_the_ledger_refuses_fails() -> None:
    """What a story takes as given must be possible too."""
    with pytest.raises(StoryError, match="line 1: lots A 9999999999999999 for ever\nBalanceTooLarge"):
        story("lots A 9999999999999999 for ever")
