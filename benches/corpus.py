#!/usr/bin/env python3
"""Claude Code sessions that never were: seeded, and shaped like real ones.

    benches/corpus.py gen FOLDER [--sessions 300] [--bytes 300M] [--fixed 50M] [--seed 1]
    benches/corpus.py grow FOLDER --round N [--active 8] [--least 50K] [--most 500K] [--seed 1]
    benches/corpus.py ratio FOLDER

`gen` writes FOLDER/projects/<project>/<uuid>.jsonl, `grow` appends whole records to some of them,
`ratio` prints how far `gzip -6` shrinks them. Sizes are log-normal. What is read, edited and printed
in the sessions is the source of Python's own standard library, so the same Python and the same
arguments give the same bytes. Nothing of this was ever said in a session.
"""
import argparse
import base64
import hashlib
import json
import math
import os
import random
import re
import sysconfig
import time
import zlib
from pathlib import Path

MEDIAN = 150_000
SMALLEST = 4_000
LARGEST = 100_000_000
LONGEST_SOURCE = 300_000
FIRST_DAY = 1_760_000_000
# What is not the same everywhere, and what says the same thing over and over.
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "pydoc_data"}
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"
REMINDER = ("\n\n<system-reminder>\nThe file is shown as it was read. Changes made since then are not in it."
            "\n</system-reminder>\n")


class Library:
    """Text to talk about: files of source, and the prose that stands in them."""

    def __init__(self):
        root = Path(sysconfig.get_path("stdlib"))
        found = (path for path in root.rglob("*.py") if LEFT_OUT.isdisjoint(path.parts))
        self.root = root
        self.files = sorted(path for path in found if 500 < path.stat().st_size < LONGEST_SOURCE)
        self.known = {}

    def lines(self, path):
        return self.read(path)[0]

    def paragraphs(self, path):
        return self.read(path)[1]

    def read(self, path):
        if path not in self.known:
            text = path.read_text("utf-8", "replace")
            strings = re.findall(r'"""(.+?)"""', text, re.DOTALL)
            prose = [part.strip() for string in strings for part in string.split("\n\n")]
            self.known[path] = text.split("\n"), [part for part in prose if len(part) > 40]
        return self.known[path]


class Session:
    """An endless talk; the same seed, name and round say the same."""

    def __init__(self, library, seed, name, size, turn=0):
        facts = random.Random(f"{seed}/{name}")
        self.random = random.Random(f"{seed}/{name}/{turn}")
        self.library, self.name = library, name
        # A longer talk sees more files, and neighbours, as work on one thing does.
        sight = min(len(library.files), 10 + size // 30_000)
        start = facts.randrange(len(library.files) - sight + 1)
        self.files = library.files[start:start + sight]
        self.folder = f"/home/dev/work/{self.files[0].parent.name}"
        self.model = facts.choice(["claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101"])
        self.pictures = facts.random() < 0.1 and turn == 0
        self.clock = FIRST_DAY + facts.randrange(9_000_000) + turn * 3600
        self.parent = None if turn == 0 else self.uuid()

    def write(self, file, want):
        """Appends whole records until they are so many bytes."""
        done = 0
        for record in self.records():
            line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
            done += file.write(line.encode("utf-8", "replace"))
            if done >= want:
                return

    def records(self):
        yield self.snapshot()
        while True:
            yield self.record("user", message={"role": "user", "content": self.prose(30, 900)})
            for _ in range(1 + int(self.random.expovariate(1 / 8))):
                if self.random.random() < 0.35:
                    signature = base64.b64encode(self.random.randbytes(self.random.randint(150, 900)))
                    yield self.says({"type": "thinking", "thinking": self.prose(100, 2500),
                                     "signature": signature.decode()})
                if self.random.random() < 0.4:
                    yield self.says({"type": "text", "text": self.prose(30, 600)})
                yield from self.tool()
            yield self.says({"type": "text", "text": self.prose(200, 3500)})
            yield self.record("system", subtype="turn_duration", durationMs=self.random.randint(2000, 400_000))

    def tool(self):
        kinds = [self.reads, self.runs, self.edits, self.searches, self.creates, self.looks]
        weights = [30, 30, 18, 10, 5, 0.4 if self.pictures else 0]
        kind = self.random.choices(kinds, weights)[0]
        name, call, answer, details = kind(self.random.choice(self.files))
        number = self.number("toolu_01")
        yield self.says({"type": "tool_use", "id": number, "name": name, "input": call})
        result = {"tool_use_id": number, "type": "tool_result", "content": answer}
        yield self.record("user", message={"role": "user", "content": [result]}, toolUseResult=details)

    def reads(self, path):
        lines, first = self.part(path, 20, 600)
        text = "\n".join(lines)
        numbered = "\n".join(f"{first + at:6}→{line}" for at, line in enumerate(lines))
        file = {"filePath": self.shown(path), "content": text, "startLine": first, "numLines": len(lines)}
        call = {"file_path": self.shown(path), "offset": first}
        return "Read", call, numbered + REMINDER, {"type": "text", "file": file}

    def runs(self, path):
        if self.random.random() < 0.5:
            lines, _ = self.part(path, 10, 250)
        else:
            words = [word for word in re.findall(r"[a-z_]{4,}", "\n".join(self.part(path, 40, 200)[0]))][:150]
            lines = [f"test {path.stem}::{word} ... ok ({self.random.random():.3f}s)" for word in words]
        text = "\n".join(lines)
        command = f"python3 -m pytest -q {self.shown(path)} | head -{len(lines)}"
        call = {"command": command, "description": self.prose(20, 60)}
        return "Bash", call, text, {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}

    def edits(self, path):
        whole = self.library.lines(path)
        old, first = self.part(path, 1, 12)
        new = old[:1] + self.part(self.random.choice(self.files), 1, 20)[0] + old[1:]
        around = whole[max(0, first - 5):first - 1] + new + whole[first - 1 + len(old):first + 3 + len(old)]
        call = {"file_path": self.shown(path), "old_string": "\n".join(old), "new_string": "\n".join(new)}
        patch = [f"-{line}" for line in old] + [f"+{line}" for line in new]
        details = {**call, "originalFile": "\n".join(whole) if len(whole) < 1500 else None,
                   "structuredPatch": [{"oldStart": first, "newStart": first, "lines": patch}]}
        numbered = "\n".join(f"{first + at:6}→{line}" for at, line in enumerate(around))
        return "Edit", call, f"{self.shown(path)} is changed. It now reads:\n{numbered}", details

    def searches(self, _):
        hits = []
        for path in self.random.sample(self.files, min(len(self.files), self.random.randint(1, 8))):
            lines = self.library.lines(path)
            places = sorted(self.random.sample(range(len(lines)), min(len(lines), self.random.randint(1, 12))))
            hits += [f"{self.shown(path)}:{at + 1}:{lines[at][:300]}" for at in places]
        text = "\n".join(hits)
        return "Grep", {"pattern": "def |class ", "path": self.folder}, text, {"mode": "content", "content": text}

    def creates(self, path):
        text = "\n".join(self.part(path, 20, 400)[0])
        call = {"file_path": self.shown(path) + ".new", "content": text}
        return "Write", call, f"{self.shown(path)}.new is there now", {"type": "create", **call}

    def looks(self, path):
        size = int(math.exp(self.random.uniform(math.log(30_000), math.log(400_000))))
        data = base64.b64encode(self.random.randbytes(size)).decode()
        picture = {"type": "base64", "data": data, "media_type": "image/png"}
        answer = [{"type": "image", "source": picture}]
        return "Read", {"file_path": self.shown(path) + ".png"}, answer, {"file": picture}

    def says(self, block):
        chance = self.random.randint
        usage = {"input_tokens": chance(1, 12), "cache_read_input_tokens": chance(12_000, 160_000),
                 "cache_creation_input_tokens": chance(100, 9000), "output_tokens": chance(20, 900)}
        message = {"model": self.model, "id": self.number("msg_01"), "type": "message", "role": "assistant",
                   "content": [block], "stop_reason": None, "usage": usage}
        return self.record("assistant", message=message, requestId=self.number("req_011C"))

    def record(self, kind, **more):
        parent, self.parent = self.parent, self.uuid()
        return {"parentUuid": parent, "isSidechain": False, "userType": "external", "cwd": self.folder,
                "sessionId": self.name, "version": "2.1.4", "gitBranch": "main", "type": kind, **more,
                "uuid": self.parent, "timestamp": self.now()}

    def snapshot(self):
        return {"type": "file-history-snapshot", "messageId": self.uuid(), "isSnapshotUpdate": False,
                "snapshot": {"trackedFileBackups": {}, "timestamp": self.now()}}

    def part(self, path, least, most):
        """Some lines of a file, and the number of the first."""
        lines = self.library.lines(path)
        count = min(len(lines), self.random.randint(least, most))
        first = self.random.randint(0, len(lines) - count)
        return lines[first:first + count], first + 1

    def prose(self, least, most):
        want = int(math.exp(self.random.uniform(math.log(least), math.log(most))))
        text = ""
        while len(text) < want:
            parts = self.library.paragraphs(self.random.choice(self.files)) or ["That is all there is to say."]
            text += self.random.choice(parts)[:want - len(text)] + "\n\n"
        return text.strip()

    def shown(self, path):
        return f"{self.folder}/{path.relative_to(self.library.root)}"

    def number(self, kind):
        return kind + "".join(self.random.choices(LETTERS, k=22))

    def uuid(self):
        return as_uuid(f"{self.random.getrandbits(128):032x}")

    def now(self):
        self.clock += self.random.uniform(0.2, 12)
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.clock)) + f".{int(self.clock % 1 * 1000):03}Z"


def as_uuid(digits):
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def spread(count, total, seed):
    """So many log-normal sizes with this sum; the median is MEDIAN, or less where the mean is small."""
    chance = random.Random(f"sizes/{seed}")
    bells = [chance.gauss(0, 1) for _ in range(count)]
    median = min(MEDIAN, total / max(count, 1) / 1.6)
    low, high = 0.0, 4.0
    for _ in range(50):
        width = (low + high) / 2
        sizes = [int(min(LARGEST, max(SMALLEST, median * math.exp(width * bell)))) for bell in bells]
        low, high = (width, high) if sum(sizes) < total else (low, width)
    return sizes


def generate(folder, sessions=300, total=300_000_000, fixed=(), seed=1, projects=24):
    """Writes the sessions; those of a fixed size count in the number and in the total."""
    library = Library()
    sizes = [*fixed, *spread(sessions - len(fixed), total - sum(fixed), seed)]
    for number, size in enumerate(sizes):
        digits = hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()
        project = folder / "projects" / f"-home-dev-work-app-{int(digits[-4:], 16) % projects:02}"
        project.mkdir(parents=True, exist_ok=True)
        path = project / f"{as_uuid(digits)}.jsonl"
        with open(path, "wb") as file:
            Session(library, seed, path.stem, size).write(file, size)
        # A tool that reads anew what is as young as its last backup shall not have to.
        os.utime(path, (FIRST_DAY + number, FIRST_DAY + number))


def grow(folder, turn, active=8, least=50_000, most=500_000, seed=1):
    """Appends to the largest session and some others, the same ones every time."""
    library = Library()
    for path in active_sessions(folder, active, seed):
        chance = random.Random(f"grow/{seed}/{path.stem}/{turn}")
        want = int(math.exp(chance.uniform(math.log(least), math.log(most))))
        with open(path, "ab") as file:
            Session(library, seed, path.stem, 3_000_000, turn).write(file, want)


def active_sessions(folder, active, seed):
    by_chance = lambda path: hashlib.sha256(f"{seed}/{path.stem}".encode()).digest()
    paths = sorted(all_sessions(folder), key=by_chance)
    # The one of a fixed size stays the largest: what is appended to the others is far less.
    largest = max(paths, key=lambda path: path.stat().st_size)
    return [largest, *(path for path in paths if path != largest)][:active]


def all_sessions(folder):
    return sorted(folder.glob("projects/*/*.jsonl"))


def ratio(folder):
    """Plain bytes for each byte of `gzip -6`."""
    plain = packed = 0
    for path in all_sessions(folder):
        stream = zlib.compressobj(6, wbits=31)
        data = path.read_bytes()
        plain += len(data)
        packed += len(stream.compress(data)) + len(stream.flush())
    return plain / packed


def byte_count(text):
    """300M is 300,000,000."""
    units = {"K": 10**3, "M": 10**6, "G": 10**9}
    return int(float(text[:-1]) * units[text[-1]]) if text[-1] in units else int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["gen", "grow", "ratio"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--bytes", type=byte_count, default="300M")
    parser.add_argument("--fixed", type=byte_count, action="append", default=[])
    parser.add_argument("--seed", default="1")
    parser.add_argument("--round", type=int, default=1)
    parser.add_argument("--active", type=int, default=8)
    parser.add_argument("--least", type=byte_count, default="50K")
    parser.add_argument("--most", type=byte_count, default="500K")
    words = parser.parse_args()
    if words.action == "gen":
        generate(words.folder, words.sessions, words.bytes, words.fixed, words.seed)
    elif words.action == "grow":
        grow(words.folder, words.round, words.active, words.least, words.most, words.seed)
    else:
        print(f"{ratio(words.folder):.2f}")


if __name__ == "__main__":
    main()
