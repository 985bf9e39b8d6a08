"""`erply-points`, but killed by a request that says `LAST_WORDS`: `python mortal_server.py MOMENT ARGUMENTS...`.

MOMENT is `before` the commit of what the request has done, when all of it is written, or `after` it, when the answer is
made but nothing of it is sent.
"""

import os
import signal
import sys
from typing import Final

from erply_points.bulk.dispatcher import Dispatcher, Reply
from erply_points.bulk.envelope import BulkRequest
from erply_points.cli import main
from erply_points.store.sqlite.store import SQLiteTransaction

LAST_WORDS: Final = "last words"
"""Said in the description of a redemption."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_the_commit() -> None:
    commit = SQLiteTransaction.commit_now

    def commit_now(transaction: SQLiteTransaction) -> None:
        redemptions = transaction.work.redemptions.rows.values()
        if any(each is not None and each.description == LAST_WORDS for each in redemptions):
            transaction._flush()
            _die()
        commit(transaction)

    SQLiteTransaction.commit_now = commit_now  # type: ignore[assignment, method-assign]  # dies instead


def die_after_the_commit() -> None:
    answer = Dispatcher.answer

    async def answer_or_die(dispatcher: Dispatcher, bulk: BulkRequest, started: float) -> Reply:
        reply = await answer(dispatcher, bulk, started)
        if any(each.params.get("description") == LAST_WORDS for each in bulk.sub_requests):
            _die()
        return reply

    Dispatcher.answer = answer_or_die  # type: ignore[assignment, method-assign]  # dies instead


if __name__ == "__main__":
    {"before": die_before_the_commit, "after": die_after_the_commit}[sys.argv.pop(1)]()
    main()
