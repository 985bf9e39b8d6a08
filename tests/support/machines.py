"""What the state machines share: how many histories they try, and which."""

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

EXAMPLES: Final = os.environ.get("ERPLY_POINTS_EXAMPLES")
"""How many histories to try, new ones each time, and what fails is made short; by default a few, always the same."""

SECONDS_MAX: Final = 100 if EXAMPLES is None else 0
"""When pytest is to give up; 0 is never."""


_AS_FOUND: Final = (Phase.explicit, Phase.generate)
"""Making a failure short can take longer than all else."""


def profile(histories: int, steps: int) -> settings:
    return settings(
        max_examples=int(EXAMPLES or histories),
        stateful_step_count=steps,
        deadline=None,
        derandomize=EXAMPLES is None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=_AS_FOUND if EXAMPLES is None else tuple(Phase),
    )


def to_the_first_failure(chosen: settings, histories: int) -> settings:
    """The same for a machine that is to fail."""
    return settings(chosen, max_examples=histories, phases=_AS_FOUND)
