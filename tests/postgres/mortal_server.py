"""`erply-points`, but ended by a request that says `LAST_WORDS`: `python mortal_server.py MOMENT ARGUMENTS...`.

MOMENT is `before` the commit of what the request has done, when all of it is written; `after` the commit, when nothing
is answered; or `vanish`: before the commit too, but it only stands still, as if its host had lost the network.
"""

import os
import signal
import sys
from typing import Final

from erply_points.cli import main
from erply_points.store.postgres import transaction as transactions
from erply_points.store.postgres.transaction import PostgresTransaction

LAST_WORDS: Final = "last words"
"""Said in the description of a redemption."""
IDLE_SECONDS: Final = 1
"""How long a server that stands still holds up the others here."""


def end(moment: str) -> None:
    commit = PostgresTransaction.commit_now

    async def commit_now(transaction: PostgresTransaction) -> None:
        redemptions = transaction.work.redemptions.rows.values()
        doomed = any(each is not None and each.description == LAST_WORDS for each in redemptions)
        if doomed and moment != "after":
            await transaction._flush()
            os.kill(os.getpid(), signal.SIGSTOP if moment == "vanish" else signal.SIGKILL)
        await commit(transaction)
        if doomed:
            os.kill(os.getpid(), signal.SIGKILL)

    PostgresTransaction.commit_now = commit_now  # type: ignore[assignment, method-assign]  # dies instead


if __name__ == "__main__":
    transactions.IDLE_SECONDS = IDLE_SECONDS  # type: ignore[misc]  # shorter than in earnest
    end(sys.argv.pop(1))
    main()
