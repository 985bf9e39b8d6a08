"""What calls and control requests raise in tests.

Exception
├── ErplyError        the answer is an error
├── SandboxError      the control API refuses
├── AnswerLost        (a ConnectionError) no whole answer came
└── InvalidAnswer     (an AssertionError) the answer is not as the schemas say
"""

from typing import Any


class ErplyError(Exception):
    """An answer with an errorCode.

    `field` is the parameter at fault, None where the code names none; `call` is "" where a bulk as a whole has failed.
    """

    def __init__(self, call: str, status: dict[str, Any], answer: dict[str, Any]) -> None:
        self.call = call
        self.code: int = status["errorCode"]
        self.field: str | None = status["errorField"]
        self.message: str = status["errorMessage"]
        self.answer = answer
        field = f" ({self.field})" if self.field else ""
        super().__init__(f"{call or 'bulk'}: {self.code}{field} {self.message}")


class SandboxError(Exception):
    """A refusal of the sandbox's control API; `status` is that of HTTP."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        self.status = status
        self.message = message
        self.field = field
        super().__init__(f"{status}{f' ({field})' if field else ''} {message}")


class AnswerLost(ConnectionError):
    """The connection ended before the whole answer was there: the request may have been carried out, or not."""


class InvalidAnswer(AssertionError):
    """An answer that breaks the contract of the schemas."""
