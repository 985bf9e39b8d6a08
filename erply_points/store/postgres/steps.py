"""Running a coroutine that may wait for nothing but its transaction, while that waits for the database."""

from collections.abc import Coroutine, Generator
from typing import Any


class _Step:
    """What a transaction asks for on behalf of the coroutine that runs inside it."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.work = work

    def __await__(self) -> Generator["_Step", Any, Any]:
        return (yield self)


async def as_step(work: Coroutine[Any, Any, Any]) -> Any:
    """Have `drive` do the work."""
    return await _Step(work)


async def directly(work: Coroutine[Any, Any, Any]) -> Any:
    return await work


async def drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run to the end, doing its steps. Raises RuntimeError where it waits for anything else: that could take long."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = coroutine.send(answer) if error is None else coroutine.throw(error)
        except StopIteration:
            return
        if not isinstance(step, _Step):
            coroutine.close()
            raise RuntimeError("inside a transaction there is nothing to wait for but the transaction")  # noqa: TRY004 - what is wrong is the waiting
        answer, error = None, None
        try:
            answer = await step.work
        except BaseException as failed:  # noqa: BLE001 - it belongs to the coroutine, which may know what to do
            error = failed
