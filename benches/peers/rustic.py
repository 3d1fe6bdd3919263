"""rustic with its defaults: encrypted, zstd."""
from peers.tool import Tool


class Rustic(Tool):
    name = "rustic"
    program = "rustic"
    crate = "rustic-rs"

    def __init__(self, home, source):
        super().__init__(home, source)
        self.env |= {"RUSTIC_REPOSITORY": str(self.repository), "RUSTIC_PASSWORD": "benchmark"}

    def first(self):
        return self.call("init") + self.backup()

    def backup(self):
        return self.call("backup", self.source)

    def restore_all(self, into):
        return self.call("restore", f"latest:{self.source}", into), into

    def restore_one(self, session, into):
        return self.call("restore", f"latest:{session}", into / session.name), into / session.name

    def housekeeping(self):
        return self.call("prune")

    def verify(self):
        return self.call("check", "--read-data")

    def call(self, *words):
        return self.run(self.program, "--no-progress", *words)
