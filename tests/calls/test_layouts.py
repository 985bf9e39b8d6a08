"""What is remembered of the names of parameters."""

from hypothesis import given
from hypothesis import strategies as st

from erply_points.calls import fields
from erply_points.calls.layouts import ALL_NAMES_MAX, NAME_LENGTH_MAX, NAMES_MAX, Layouts, Names

_NAMES = st.lists(st.from_regex(r"(price|amount|itemName|x)[0-9]{0,7}", fullmatch=True), unique=True, max_size=8)


@given(st.lists(_NAMES, max_size=6))
def test_what_is_remembered_is_what_would_be_worked_out(sent: list[list[str]]) -> None:
    """Whatever was asked before, the numbered parameters of a call are those that its own names say."""
    for names in sent:
        params = {name: position for position, name in enumerate(names)}
        expected: dict[int, dict[str, int]] = {}
        for name, value in params.items():
            parts = fields.split(name)
            if parts and parts.base in {"price", "amount"}:
                expected.setdefault(parts.number, {})[parts.base] = value
        found = fields.numbered(params, ("price", "amount"))
        assert found == expected
        assert list(found) == sorted(found)


def test_the_same_names_are_worked_out_once() -> None:
    """Names that come again, in the same order, cost nothing but a look; in another order they are other names."""
    asked: list[Names] = []

    def worked_out(names: Names) -> Names:
        asked.append(names)
        return names

    layouts = Layouts(worked_out)
    for params in ({"a": 1, "b": 2}, {"a": 3, "b": 4}, {"b": 5, "a": 6}):
        assert layouts.of(params) == tuple(params)
    assert asked == [("a", "b"), ("b", "a")]


def test_strangers_cannot_fill_the_memory() -> None:
    """Long names, very many names, and ever other names are not kept, or not for long."""
    asked = []
    layouts = Layouts(lambda names: asked.append(names) or len(names))  # type: ignore[func-returns-value]  # None counts as no
    for params in ({"x" * (NAME_LENGTH_MAX + 1): 1}, {f"x{number}": 1 for number in range(NAMES_MAX + 1)}):
        assert [layouts.of(params) for _ in range(2)] == [len(params)] * 2
    assert len(asked) == 4
    for number in range(3 * ALL_NAMES_MAX // 100):
        layouts.of(f"x{number}_{each}" for each in range(100))
        assert 0 < layouts.names <= ALL_NAMES_MAX
