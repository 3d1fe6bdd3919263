"""What the tools live through: the same days, side by side, on the same files.

After each growth every tool makes its backup in turn, so that a busy moment of the machine hits all
of them. Whatever is restored is compared with the source, byte for byte.
"""
import shutil
import subprocess
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import corpus
from measure import bytes_in, here, middle, run, same_bytes, same_files
from report import FLOOR
from wire import Remote

HERE = Path(__file__).parent


@dataclass
class Rounds:
    """What one tool's backups of a day cost, and what they added."""

    costs: list = field(default_factory=list)
    grown: int = 0
    sending: list = field(default_factory=list)
    sent: int = 0


class Bench:
    """One set of sessions, and every tool with a repository of it."""

    def __init__(self, folder, kinds, report):
        self.folder, self.report = folder, report
        self.source = folder / "claude"
        self.kinds, self.tools, self.remotes = kinds, [], {}

    def __enter__(self):
        self.folder.mkdir()
        self.tools = [kind(self.folder / f"tool-{number}", self.source) for number, kind in enumerate(self.kinds)]
        return self

    def __exit__(self, *_):
        for remote in self.remotes.values():
            remote.close()
        shutil.rmtree(self.folder)

    def generate(self, sessions, total, fixed=()):
        """Makes the sessions in a process of its own, as a large script makes large children."""
        fixed = [word for size in fixed for word in ("--fixed", size)]
        script(HERE / "corpus.py", "gen", self.source, "--sessions", sessions, "--bytes", total, *fixed)

    def first(self, day):
        """From nothing to the first backup; beside it, `gzip -6` of the same files by one process."""
        copy = self.folder / "gzip"
        shutil.copytree(self.source, copy)
        self.report.cost(day, FLOOR, run("gzip", "-6", "-n", "-r", copy))
        for tool in self.tools:
            tell(f"{day}: {tool.name}")
            self.report.cost(day, tool.name, tool.first(), peak=True)
        self.report.add(day, "stored", "bytes", FLOOR, bytes_in(copy))
        for tool in self.tools:
            self.report.add(day, "stored", "bytes", tool.name, tool.stored())
            if tool.history() != tool.stored():
                self.report.add(day, "of it history", "bytes", tool.name, tool.history())
        shutil.rmtree(copy)

    def nothing_new(self, day, times):
        """Nothing changed since the last backup; beside it, `find` that prints size and time of each file."""
        walk = ["find", self.source, "-type", "f", "-printf", "%s %T@\\n"]
        self.report.cost(day, FLOOR, middle([run(*walk) for _ in range(times)]))
        for tool in self.tools:
            tell(f"{day}: {tool.name}")
            self.report.cost(day, tool.name, middle([tool.backup() for _ in range(times)]), peak=True)

    def connect(self, day):
        """Gives a remote to each tool that sends to one, and sends there what was stored so far."""
        for tool in self.tools:
            place = tool.home / "remote"
            place.mkdir()
            remote = Remote(place)
            cost = tool.connect(remote)
            if cost is None:
                remote.close()
                continue
            self.remotes[tool] = remote
            self.report.add(day, "sent", "bytes", tool.name, remote.wire.sent)
            self.report.add(day, "CPU", "s", tool.name, cost.cpu)

    def live(self, day, rounds, growth):
        """Sessions grow, and every tool saves that and sends it, round after round."""
        lived = {tool: Rounds() for tool in self.tools}
        floors = []
        for number in rounds:
            tell(f"{day}: backup {number}")
            before = sizes(self.source)
            script(HERE / "corpus.py", "grow", self.source, "--round", number, *growth)
            floors.append(appended(self.source, before))
            for tool in self.tools:
                self.one_round(tool, lived[tool])
        self.tell_rounds(day, lived, floors)

    def one_round(self, tool, lived):
        before = tool.history()
        lived.costs.append(tool.backup())
        lived.grown += tool.history() - before
        if remote := self.remotes.get(tool):
            sent = remote.wire.sent
            lived.sending.append(tool.send())
            lived.sent += remote.wire.sent - sent

    def tell_rounds(self, day, lived, floors):
        count = len(floors)
        self.report.cost(day, FLOOR, middle([cost for cost, _ in floors]))
        least = sum(size for _, size in floors)
        for what in ("history grows by", "sent"):
            self.report.add(day, what, "bytes", FLOOR, least / count)
        for tool, rounds in lived.items():
            self.report.cost(day, tool.name, middle(rounds.costs), peak=True)
            self.report.add(day, "history grows by", "bytes", tool.name, rounds.grown / count)
            # To a repository elsewhere, the others write what they otherwise write here.
            sent = rounds.sent if rounds.sending else rounds.grown
            self.report.add(day, "sent", "bytes", tool.name, sent / count)
            if rounds.sending:
                self.report.add(day, "CPU of sending", "s", tool.name, middle(rounds.sending).cpu)

    def clean(self, day):
        """Bytes before and after what each tool's papers advise, all backups kept."""
        for tool in self.tools:
            self.report.add(day, "stored before", "bytes", tool.name, tool.stored())
            self.report.add(day, "CPU", "s", tool.name, tool.housekeeping().cpu)
            self.report.add(day, "stored after", "bytes", tool.name, tool.stored())

    def prove(self, day):
        """Every stored byte read; beside it, two processes of `gzip -t` over the newest archives alone."""
        with self.archives() as inflate:
            self.report.cost(day, FLOOR, inflate("gzip -t"))
        for tool in self.tools:
            tell(f"{day}: {tool.name}")
            self.report.cost(day, tool.name, tool.verify(), peak=True)

    def give_back(self, day):
        """Everything into an empty folder; beside it, two processes of `gzip -dc` that write nowhere."""
        with self.archives() as inflate:
            self.report.cost(day, FLOOR, inflate("gzip -dc"))
        for tool in self.tools:
            tell(f"{day}: {tool.name}")
            with empty(self.folder / "restored") as into:
                cost, place = tool.restore_all(into)
                same_files(self.source, place)
            self.report.cost(day, tool.name, cost, peak=True)

    @contextmanager
    def archives(self):
        """Gives a function that runs a command on `gzip -6` of every session, two processes at once."""
        copy = self.folder / "gzip"
        shutil.copytree(self.source, copy)
        run("gzip", "-6", "-n", "-r", copy)
        yield lambda command: run("sh", "-c", f"find {copy} -name '*.gz' -print0 | xargs -0 -n 8 -P 2 {command}")
        shutil.rmtree(copy)

    def give_back_one(self, day, session, times=3):
        """One session into an empty folder."""
        for tool in self.tools:
            costs = []
            for _ in range(times):
                with empty(self.folder / "restored") as into:
                    cost, place = tool.restore_one(session, into)
                    same_bytes(session, place)
                costs.append(cost)
            self.report.cost(day, tool.name, middle(costs), peak=True)


class empty:
    """A folder for as long as it is looked at."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.folder.mkdir()
        return self.folder

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


def appended(source, before):
    """The cost of compressing what was appended, file by file, and its bytes: less cannot be done."""
    size = 0
    with here() as cost:
        for path, length in sizes(source).items():
            if length > before.get(path, 0):
                with open(path, "rb") as file:
                    file.seek(before.get(path, 0))
                    stream = zlib.compressobj(6, wbits=31)
                    size += len(stream.compress(file.read())) + len(stream.flush())
    return cost, size


def sizes(source):
    return {path: path.stat().st_size for path in corpus.all_sessions(source)}


def script(path, *words):
    subprocess.run([sys.executable, path, *map(str, words)], check=True)


def tell(text):
    print(text, file=sys.stderr, flush=True)
