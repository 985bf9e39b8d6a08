"""How the server writes its log: where a mistake happened, never what was in hand.

The message of an exception may quote a value of a request: a name, a card number, a password. So of an exception only
its type is written, and the lines of code that it came through; those are ours and say nothing of anybody.
"""

import logging
import traceback
from types import TracebackType
from typing import Any

Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class DiscreetFormatter(logging.Formatter):
    """Formats exceptions without their messages and notes, those that led to them included."""

    def formatException(self, ei: Caught) -> str:  # noqa: N802 - logging's own spelling
        return "\n".join(_lines(ei[1]))

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # What another formatter has made of it is not used again.
        return super().format(record)


def _lines(error: BaseException | None) -> list[str]:
    if error is None:
        return []
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [*_lines(earlier), "which led to:"] if earlier is not None else []
    lines += [line.rstrip("\n") for line in traceback.format_tb(error.__traceback__)]
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            lines += ["with:", *_lines(each)]
    return lines


def set_up() -> None:
    """Write warnings and worse to standard error."""
    handler: logging.StreamHandler[Any] = logging.StreamHandler()
    handler.setFormatter(DiscreetFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
