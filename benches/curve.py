#!/usr/bin/env python3
"""What a backup costs as its history grows: nothing may cost more because there was a yesterday.

    cargo build --release && benches/curve.py [--sessions 300,20000] [--commits 2000] [--a-day 24]

Backs up small sessions, then appends a line to one of them and syncs, again and again. At the start
and at each mark it takes the median CPU and wall time of a sync with nothing new, a sync of one
session, `status` and `peek`; beside them, `find` that prints size and time of each file. All this for
each number of sessions. The days go by as well where `faketime` is installed: so many commits have one
date, as packs are begun by the day; without it, all have today's. The clock's own price (3 ms of CPU a
call) is in the figures.
"""
import argparse
import os
import shutil
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import corpus
from measure import bytes_in, middle, run

OURS = Path(__file__).parent.parent / "target/release/claude-backup"
TODAY = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0)
RECORD = '{{"type":"user","message":{{"role":"user","content":"and one more: {}"}},"uuid":"{:032x}"}}\n'


class Machine:
    """A home with many sessions, a backup, and a calendar."""

    def __init__(self, folder, sessions, options):
        self.home, self.options = folder, options
        self.source = folder / ".claude"
        self.commits = 0
        self.env = {"HOME": str(folder), "PATH": os.environ["PATH"], "NO_FAKE_STAT": "1",
                    "DONT_FAKE_MONOTONIC": "1"}
        corpus.generate(self.source, sessions, sessions * 8_000)
        self.sessions = corpus.all_sessions(self.source)
        self.words("init", "--backend", "local", "--machine", "laptop")

    def words(self, *words):
        """One call, at the hour that comes after so many commits."""
        calendar = ["faketime", "-f", f"@{self.today():%Y-%m-%d %H:%M:%S}"] if self.options.calendar else []
        return run(*calendar, OURS, *words, env=self.env)

    def today(self):
        hours = self.commits * 24 / self.options.a_day
        return TODAY + timedelta(hours=hours)

    def sync_one(self):
        """A line more in one session, each time another."""
        self.commits += 1
        with open(self.sessions[self.commits * 7919 % len(self.sessions)], "a", encoding="utf-8") as file:
            file.write(RECORD.format(self.commits, self.commits))
        return self.words("sync")

    def sync_until(self, mark):
        while self.commits < mark:
            self.sync_one()

    def measure(self, times):
        """The five figures; the syncs of one session are commits that lead on from here."""
        session = self.sessions[0].stem
        walk = ["find", self.source, "-type", "f", "-printf", "%s %T@\\n"]
        calls = [lambda: run(*walk), lambda: self.words("sync"), self.sync_one, lambda: self.words("status"),
                 lambda: self.words("peek", session)]
        return [middle([call() for _ in range(times)]) for call in calls]


def curve(sessions, options):
    """One number of sessions, from its first backup to the last commit."""
    with tempfile.TemporaryDirectory(dir=options.temp, prefix="curve-") as folder:
        machine = Machine(Path(folder).resolve(), sessions, options)
        for step in range(options.marks + 1):
            mark = options.commits * step // options.marks
            machine.sync_until(mark)
            print(row(machine, sessions, mark, machine.measure(options.times)), flush=True)


def row(machine, sessions, mark, costs):
    git = machine.home / ".claude-backup/.git"
    times = " | ".join(f"{cost.cpu * 1000:.0f} / {cost.wall * 1000:.0f}" for cost in costs)
    peak = max(cost.peak for cost in costs) / 1e6
    packs = len(list(git.glob("objects/pack/*.pack")))
    return f"| {sessions:,} | {mark:,} | {times} | {peak:.0f} MB | {bytes_in(git) / 1e6:.1f} MB | {packs} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", default="300,20000", help="how many, with commas")
    parser.add_argument("--commits", type=int, default=2_000)
    parser.add_argument("--marks", type=int, default=4, help="how often to look on the way")
    parser.add_argument("--times", type=int, default=11, help="calls that a median is of")
    parser.add_argument("--a-day", type=int, default=24, help="commits of one date")
    parser.add_argument("--temp", type=Path, help="where the temporary folder is made (1 GB)")
    options = parser.parse_args()
    options.calendar = shutil.which("faketime") is not None
    days = f"{options.a_day} a day" if options.calendar else "all on one day"
    print(f"Commits {days}; CPU / wall in ms, median of {options.times}\n")
    columns = ["sessions", "commits", "`find`", "nothing new", "one session", "`status`", "`peek`", "peak memory",
               "`.git`", "packs"]
    print(f"| {' | '.join(columns)} |\n|" + "---:|" * len(columns))
    for sessions in map(int, options.sessions.split(",")):
        curve(sessions, options)


if __name__ == "__main__":
    main()
