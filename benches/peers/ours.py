"""This program; it sends with the git program."""
from pathlib import Path

from measure import bytes_in
from peers.tool import Tool


class Ours(Tool):
    name = "claude-backup"
    program = str(Path(__file__).parents[2] / "target/release/claude-backup")

    def __init__(self, home, source):
        super().__init__(home, source)
        self.repository = home / ".claude-backup"

    def first(self):
        return self.call("init", "--backend", "local", "--machine", "laptop")

    def backup(self):
        return self.call("sync", "--no-push")

    def restore_all(self, into):
        return self.run(self.program, "--claude-dir", into, "restore", "--all"), into

    def restore_one(self, session, into):
        return self.call("restore", session.stem, "--to", into), into / session.name

    def housekeeping(self):
        return self.run("git", "-C", self.repository, "gc", "-q")

    def verify(self):
        return self.call("verify", "--read")

    def history(self):
        return bytes_in(self.repository / ".git")

    def connect(self, remote):
        return self.call("backend", "set", "git", "--remote", remote.url) + self.send()

    def send(self):
        return self.call("sync")

    def call(self, *words):
        return self.run(self.program, "--claude-dir", self.source, *words)
