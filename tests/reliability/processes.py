"""What a process has cost so far, as Linux tells it; nothing is known elsewhere."""

import math
import os
from pathlib import Path


def processor_seconds(pid: int) -> float:
    """Seconds of processor time, of all threads."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return math.nan
    fields = stat.read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Megabytes that are in memory."""
    statm = Path(f"/proc/{pid}/statm")
    if not statm.exists():
        return math.nan
    return int(statm.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
