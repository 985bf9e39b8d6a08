"""What a disk holds after a power cut at some instant, told from a trace of what was written and synced.

The model is that of Linux, in pages of 4 kB. What was written is in memory until a sync succeeds; any of it may be on
the disk earlier. After a sync that fails the pages count as clean: whether each has reached the disk is left to chance,
and no later sync writes it, unless it is written anew.
"""

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

PAGE: Final = 4_096
_EVENT: Final = struct.Struct("=c3xiqq")


@dataclass(frozen=True)
class Event:
    """One line of the trace, which ends at `end`."""

    kind: str
    file: int
    offset: int
    content: bytes
    end: int


def events(trace: Path) -> Iterator[Event]:
    with trace.open("rb") as file:
        while head := file.read(_EVENT.size):
            if len(head) < _EVENT.size:
                return
            kind, number, offset, length = _EVENT.unpack(head)
            content = file.read(length) if kind in b"PWU" else b""
            yield Event(kind.decode(), number, offset, content, file.tell())


@dataclass
class CachedFile:
    """A file as programs see it, as the disk has it, and the numbers of the pages that may differ."""

    cache: bytearray = field(default_factory=bytearray)
    disk: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)

    def write(self, offset: int, content: bytes) -> None:
        end = offset + len(content)
        self.cache.extend(bytes(max(0, end - len(self.cache))))
        self.cache[offset:end] = content
        self.dirty.update(range(offset // PAGE, -(-end // PAGE)))

    def cut(self, size: int) -> None:
        for content in (self.cache, self.disk):
            del content[size:]
        self.cache.extend(bytes(size - len(self.cache)))

    def sync(self) -> None:
        self._reach_disk(self.disk, self.dirty)
        self.dirty.clear()

    def fail_to_sync(self, chance: Random) -> None:
        self._reach_disk(self.disk, {page for page in self.dirty if chance.random() < 0.5})
        self.dirty.clear()

    def after_power_cut(self, chance: Random) -> bytes:
        """Of the pages that wait none, some or all may have been written."""
        share = chance.choice((0.0, 0.5, 1.0))
        found = bytearray(self.disk)
        self._reach_disk(found, {page for page in self.dirty if chance.random() < share})
        return bytes(found)

    def _reach_disk(self, disk: bytearray, pages: set[int]) -> None:
        for page in pages:
            start, end = page * PAGE, min((page + 1) * PAGE, len(self.cache))
            disk.extend(bytes(max(0, end - len(disk))))
            disk[start:end] = self.cache[start:end]


def power_cuts(before: Path, trace: Path, at: list[int], folder: Path, chance: Random) -> Iterator[tuple[int, Path]]:
    """For each position of the trace in `at`, ascending, a folder with what a power cut just there leaves.

    `before` is a copy of the folder as it was when the trace began. The folder is removed before the next is made.
    """
    files = {
        path.name: CachedFile(bytearray(path.read_bytes()), bytearray(path.read_bytes())) for path in before.iterdir()
    }
    names: dict[int, str] = {}
    waiting = sorted(at)
    for event in events(trace):
        while waiting and event.end > waiting[0]:
            yield waiting.pop(0), _left(files, folder, chance)
            shutil.rmtree(folder)
        name = names.get(event.file, "")
        match event.kind:
            case "P":
                names[event.file] = Path(event.content.decode()).name
                files.setdefault(names[event.file], CachedFile())
            case "W":
                files[name].write(event.offset, event.content)
            case "T":
                files[name].cut(event.offset)
            case "S":
                files[name].sync()
            case "F":
                files[name].fail_to_sync(chance)
            case "U":
                files.pop(Path(event.content.decode()).name, None)


def _left(files: dict[str, CachedFile], folder: Path, chance: Random) -> Path:
    folder.mkdir()
    for name, file in files.items():
        if not name.endswith("-shm"):  # Memory that SQLite shares; it is made anew.
            (folder / name).write_bytes(file.after_power_cut(chance))
    return folder
