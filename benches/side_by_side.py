#!/usr/bin/env python3
"""This program and its peers, side by side on the same days: one table of what each costs.

    cargo build --release && benches/side_by_side.py --install [--quick] [--json FILE]

Makes sessions (`corpus.py`), backs them up with every tool that is there, lets them grow, and
compares each restored byte. `--install` fetches the tools that are missing: Debian's packages as
root, rustic through cargo (ten minutes). Repositories lie in one temporary folder and go with it.
What the rows mean is in docs/benchmarks.md.
"""
import argparse
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import corpus
from days import Bench, tell
from peers import TOOLS
from report import Report


@dataclass
class Scale:
    """How much of everything."""

    sessions: int
    total: int
    largest: int
    hours: int
    five_minutes: int
    many: tuple
    huge: int
    appends: int
    repeats: int


FULL = Scale(300, 300_000_000, 50_000_000, 24, 24, (2_000, 20_000), 500_000_000, 5, 7)
QUICK = Scale(60, 30_000_000, 10_000_000, 4, 6, (500,), 60_000_000, 2, 3)
DAYS = ("hourly", "five-minutes", "files", "huge")
HOURLY = ("--active", 8, "--least", "50K", "--most", "500K")
FIVE_MINUTES = ("--active", 8, "--least", "5K", "--most", "40K")
HUGE = ("--active", 1, "--least", "1M", "--most", "1M")


def ordinary_days(folder, kinds, report, scale, days):
    """Many sessions, one of them large: the first backup, quiet hours, busy ones, and the bad day."""
    with Bench(folder, kinds, report) as bench:
        bench.generate(scale.sessions, scale.total, [scale.largest])
        bench.first(f"first backup: {scale.sessions} sessions, {scale.total // 10**6} MB")
        bench.nothing_new(f"nothing new, {scale.sessions} files", scale.repeats)
        bench.connect("the first copy to a git remote")
        hours = range(1, scale.hours + 1)
        if "hourly" in days:
            bench.live(f"hourly, one of {scale.hours} backups", hours, HOURLY)
            bench.clean(f"housekeeping after {scale.hours} hourly backups")
        if "five-minutes" in days:
            later = range(1001, 1001 + scale.five_minutes)
            bench.live(f"every 5 minutes, one of {scale.five_minutes} backups", later, FIVE_MINUTES)
            bench.clean(f"housekeeping after {scale.five_minutes} more, every 5 minutes")
        by_size = sorted(corpus.all_sessions(bench.source), key=lambda path: path.stat().st_size)
        bench.give_back_one("restore one session of middle size", by_size[len(by_size) // 2])
        bench.give_back("restore all")
        bench.prove("verify: every stored byte read")


def many_files(folder, kinds, report, scale, count):
    """Small sessions, and nothing new in any."""
    with Bench(folder, kinds, report) as bench:
        bench.generate(count, count * 8_000)
        bench.first(f"first backup: {count:,} sessions, {count * 8_000 // 10**6} MB")
        bench.nothing_new(f"nothing new, {count:,} files", scale.repeats)


def huge_session(folder, kinds, report, scale):
    """One session that is longer than any should be, and goes on."""
    size = f"{scale.huge // 10**6} MB"
    with Bench(folder, kinds, report) as bench:
        bench.generate(1, scale.huge, [scale.huge])
        bench.first(f"first backup: one session of {size}")
        bench.connect(f"the first copy of the {size} to a git remote")
        bench.live(f"the {size} grow by 1 MB, one of {scale.appends} backups", range(1, scale.appends + 1), HUGE)
        bench.clean(f"housekeeping after {scale.appends} backups of the {size}")
        bench.give_back_one(f"restore the {size}", corpus.all_sessions(bench.source)[0], times=1)


def install(tools, kinds):
    """Fetches what is missing, each from where it is at home."""
    missing = [kind for kind in kinds if kind.version() is None]
    packages = [kind.package for kind in missing if kind.package]
    packages += ["time"] if shutil.which("time") is None else []
    if packages:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], check=True,
                       stdout=subprocess.DEVNULL)
    for crate in (kind.crate for kind in missing if kind.crate):
        subprocess.run(["cargo", "install", crate, "--locked", "--root", tools], check=True)


def chosen(options):
    """The kinds of tools that were asked for and are there; says which are not."""
    wanted = [kind for kind in TOOLS if options.only is None or kind.name in options.only.split(",")]
    if options.no_rustic:
        wanted = [kind for kind in wanted if kind.name != "rustic"]
    if options.install:
        install(options.tools, wanted)
    for kind in wanted:
        if kind.version() is None:
            tell(f"{kind.name} is not there: left out")
    return [kind for kind in wanted if kind.version() is not None]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small days, two minutes, for a look")
    parser.add_argument("--only", help=f"these tools, with commas: {', '.join(kind.name for kind in TOOLS)}")
    parser.add_argument("--days", default=",".join(DAYS), help=f"these days, with commas: {', '.join(DAYS)}")
    parser.add_argument("--install", action="store_true", help="fetch the tools that are missing")
    parser.add_argument("--no-rustic", action="store_true", help="leave rustic out, which takes long to build")
    parser.add_argument("--tools", type=Path, default=Path("target/peers"), help="where rustic is, or is built")
    parser.add_argument("--temp", type=Path, help="where the temporary folder is made (15 GB)")
    parser.add_argument("--json", type=Path, help="write every figure there, in seconds and bytes")
    parser.add_argument("--show", type=Path, nargs="+", help="run nothing; one table of what earlier runs wrote")
    return parser.parse_args()


def live_through(days, kinds, scale, report, options):
    """One day after the other; what is known is written after each, as the next may take an hour."""
    with tempfile.TemporaryDirectory(dir=options.temp, prefix="side-by-side-") as folder:
        folder = Path(folder).resolve()
        if "hourly" in days or "five-minutes" in days:
            ordinary_days(folder / "ordinary", kinds, report, scale, days)
            keep(report, options.json)
        for count in scale.many if "files" in days else ():
            many_files(folder / f"files-{count}", kinds, report, scale, count)
            keep(report, options.json)
        if "huge" in days:
            huge_session(folder / "huge", kinds, report, scale)
            keep(report, options.json)


def keep(report, path):
    if path:
        path.write_text(json.dumps(report.raw(), indent=1) + "\n")


def main():
    options = arguments()
    if options.show:
        report = Report.of_raw([json.loads(path.read_text()) for path in options.show])
    else:
        options.tools = options.tools.resolve()
        os.environ["PATH"] += f"{os.pathsep}{options.tools / 'bin'}"
        kinds = chosen(options)
        report = Report({kind.name: kind.version() for kind in kinds})
        live_through(options.days.split(","), kinds, QUICK if options.quick else FULL, report, options)
    print(report.table())
    print(f"\n{report.programs()}")


if __name__ == "__main__":
    main()
