#!/usr/bin/env python3
"""What a day of hourly backups sends, and what it costs, by each way of sending.

    cargo build --release && benches/hourly_push.py [--binary target/release/claude-backup]

Three machines live the same day on the same sessions: this program with the `git` transport, this
program with libgit2, and a script that gzips whole sessions and runs `git add`, `commit`, `push`.
Bytes are counted on the wire, by a proxy before a `git daemon` on loopback. CPU is user plus system
of everything that runs on the machine's side; the remote's own work is not in it.

Each machine's sessions are made and grown by `corpus.py` with the same seed, so by the same bytes.
"""
import argparse
import gzip
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import corpus
from measure import bytes_in
from wire import Remote


def cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def own_cpu():
    return time.process_time()


class Ours:
    """This program with one of its transports."""

    def __init__(self, name, binary, home, remote):
        self.name, self.home, self.remote = name, home, remote
        path = os.environ["PATH"] if name == "git" else "/nonexistent"
        self.env = {"HOME": str(home), "PATH": path}
        self.binary = binary

    def begin(self):
        self.call("init", "--backend", "git", "--remote", self.remote.url, "--machine", "laptop")

    def sync(self):
        self.call("sync")

    def call(self, *words):
        subprocess.run([self.binary, *words], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def repository(self):
        return self.home / ".claude-backup/.git"


class Plain:
    """Whole sessions gzipped again, and git."""

    name = "gzip + git"

    def __init__(self, home, remote):
        self.home, self.remote, self.seen = home, remote, {}
        self.tree = home / "plain"
        self.env = {**os.environ, "HOME": str(home)}
        for kind in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{kind}_NAME": "x", f"GIT_{kind}_EMAIL": "x@localhost"}

    def begin(self):
        subprocess.run(["git", "init", "-q", "-b", "main", self.tree], check=True)
        self.git("config", "gc.auto", "0")
        self.git("remote", "add", "origin", self.remote.url)
        self.sync()

    def sync(self):
        source = self.home / ".claude/projects"
        for session in source.rglob("*.jsonl"):
            stat = session.stat()
            if self.seen.get(session) == (stat.st_size, stat.st_mtime_ns):
                continue
            self.seen[session] = (stat.st_size, stat.st_mtime_ns)
            target = self.tree / session.relative_to(source).with_suffix(".jsonl.gz")
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as out:
                subprocess.run(["gzip", "-6", "-n", "-c", session], stdout=out, check=True)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "backup")
        self.git("push", "-q", "origin", "main")

    def git(self, *words):
        subprocess.run(["git", "-C", self.tree, *words], env=self.env, check=True)

    def repository(self):
        return self.tree / ".git"


def appended_gzip(source, before):
    """The gzip of what was appended, file by file: the least that could be sent."""
    total = 0
    for path in source.rglob("*.jsonl"):
        old, new = before.get(path, 0), path.stat().st_size
        if new > old:
            with open(path, "rb") as file:
                file.seek(old)
                total += len(gzip.compress(file.read(), 6, mtime=0))
    return total


def sizes(source):
    return {path: path.stat().st_size for path in source.rglob("*.jsonl")}


def live(scheme, options):
    source = scheme.home / ".claude"
    start, sent = cpu(), scheme.remote.wire.sent
    scheme.begin()
    first = (cpu() - start, scheme.remote.wire.sent - sent)
    rounds = []
    for hour in range(1, options.hours + 1):
        before = sizes(source)
        corpus.grow(source, hour, options.active)
        floor = appended_gzip(source, before)
        start, sent, disk = cpu(), scheme.remote.wire.sent, bytes_in(scheme.repository())
        wall, own = time.monotonic(), own_cpu()
        scheme.sync()
        own = own_cpu() - own if isinstance(scheme, Plain) else 0
        rounds.append((cpu() - start + own, scheme.remote.wire.sent - sent,
                       bytes_in(scheme.repository()) - disk, time.monotonic() - wall, floor))
    check = subprocess.run(["git", "-C", scheme.remote.path, "fsck", "--full", "--strict"],
                           capture_output=True)
    if check.returncode != 0:
        sys.exit(f"{scheme.name}: the remote is damaged: {check.stderr.decode()}")
    return first, rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="target/release/claude-backup", type=Path)
    parser.add_argument("--sessions", default=300, type=int)
    parser.add_argument("--bytes", default="300M", type=corpus.byte_count)
    parser.add_argument("--fixed", default="50M", type=corpus.byte_count)
    parser.add_argument("--active", default=8, type=int)
    parser.add_argument("--hours", default=24, type=int)
    options = parser.parse_args()
    binary = options.binary.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sessions = folder / "sessions"
        corpus.generate(sessions, options.sessions, options.bytes, [options.fixed])
        print(f"{'':12} {'first':>10} {'CPU s':>7} | a sync: {'sent KB':>9} {'of floor':>8} "
              f"{'.git KB':>9} {'CPU s':>7} {'wall s':>7}")
        for name in ("git", "libgit2", "plain"):
            home = folder / name
            shutil.copytree(sessions, home / ".claude")
            (home / "remote").mkdir()
            remote = Remote(home / "remote")
            scheme = Plain(home, remote) if name == "plain" else Ours(name, binary, home, remote)
            try:
                first, rounds = live(scheme, options)
            finally:
                remote.close()
            middle = [statistics.median(column) for column in zip(*rounds)]
            spent, sent, grown, wall, floor = middle
            print(f"{scheme.name:12} {first[1] / 1e6:8.1f}MB {first[0]:7.2f} |         "
                  f"{sent / 1e3:9.0f} {sent / floor:8.2f} {grown / 1e3:9.0f} {spent:7.3f} {wall:7.3f}",
                  flush=True)
            shutil.rmtree(home)


if __name__ == "__main__":
    main()
