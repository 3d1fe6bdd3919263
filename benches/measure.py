"""What a command costs, and what a folder holds.

CPU is user plus system of a program and of all that it started and waited for, in seconds. Wall is
in seconds. Peak is the largest resident set of any one of these processes, in bytes. Sizes are the
bytes of files, not of the blocks that they take.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# A child's peak begins with that of whoever started it, so a tiny program starts the measured one.
STARTER = shutil.which("time")


@dataclass
class Cost:
    """Of one command, or of several that belong together."""

    cpu: float = 0.0
    wall: float = 0.0
    peak: int = 0

    def __add__(self, other):
        return Cost(self.cpu + other.cpu, self.wall + other.wall, max(self.peak, other.peak))


def run(*words, env=None, folder=None, output=subprocess.DEVNULL):
    """Runs a command to its end and gives its cost; ends the whole run where it fails."""
    words = [str(word) for word in words]
    with tempfile.NamedTemporaryFile(mode="r") as peak, tempfile.TemporaryFile() as said:
        starter = [STARTER, "-q", "-o", peak.name, "-f", "%M"] if STARTER else []
        start = time.monotonic()
        child = subprocess.Popen([*starter, *words], env=env, cwd=folder, stdin=subprocess.DEVNULL,
                                 stdout=output, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            sys.exit(f"`{' '.join(words)}` ended with {child.returncode}: {said.read().decode(errors='replace')}")
        kilobytes = int(peak.read() or 0) or usage.ru_maxrss
    return Cost(usage.ru_utime + usage.ru_stime, wall, kilobytes * 1024)


@contextmanager
def here():
    """The cost of what this script does itself; its peak is not known, so 0."""
    cost, cpu, wall = Cost(), time.process_time(), time.monotonic()
    yield cost
    cost.cpu, cost.wall = time.process_time() - cpu, time.monotonic() - wall


def middle(costs):
    """The median of each figure by itself; the peak is the highest."""
    return Cost(statistics.median(cost.cpu for cost in costs), statistics.median(cost.wall for cost in costs),
                max(cost.peak for cost in costs))


def bytes_in(*folders):
    """Bytes of all files below these folders."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            total += sum(os.lstat(Path(place, name)).st_size for name in names)
    return total


def same_files(one, other):
    """Whether two folders have the same files with the same bytes; ends the run where they do not."""
    names = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (one, other)]
    if names[0] != names[1]:
        sys.exit(f"{other} has other files than {one}: {sorted(names[0] ^ names[1])[:3]}")
    for name in names[0]:
        same_bytes(one / name, other / name)


def same_bytes(one, other):
    """Ends the run where two files differ."""
    with open(one, "rb") as left, open(other, "rb") as right:
        while part := left.read(1 << 20):
            if part != right.read(1 << 20):
                sys.exit(f"{other} is not what {one} is")
        if right.read(1):
            sys.exit(f"{other} is longer than {one}")
