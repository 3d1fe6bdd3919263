"""restic with its defaults: encrypted, zstd where its format 2 is the default."""
from peers.tool import Tool


class Restic(Tool):
    name = "restic"
    program = "restic"
    package = "restic"
    asked_version = "version"

    def __init__(self, home, source):
        super().__init__(home, source)
        self.env |= {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": "benchmark"}

    def first(self):
        return self.call("init") + self.backup()

    def backup(self):
        return self.call("backup", self.source)

    def restore_all(self, into):
        return self.call("restore", "latest", "--target", into), self.below(into)

    def restore_one(self, session, into):
        cost = self.call("restore", "latest", "--target", into, "--include", session)
        return cost, self.below(into) / session.relative_to(self.source)

    def housekeeping(self):
        return self.call("prune")

    def verify(self):
        return self.call("check", "--read-data")

    def call(self, *words):
        return self.run(self.program, "-q", *words)
