"""borg with zstd,3; with its usual encryption and without any."""
from peers.tool import Tool


class Borg(Tool):
    name = "borg"
    program = "borg"
    package = "borgbackup"
    encryption = "repokey"

    def __init__(self, home, source):
        super().__init__(home, source)
        self.env |= {"BORG_REPO": str(self.repository), "BORG_PASSPHRASE": "benchmark", "BORG_BASE_DIR": str(home),
                     "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        self.count = 0

    def first(self):
        return self.call("init", "--encryption", self.encryption) + self.backup()

    def backup(self):
        self.count += 1
        return self.call("create", "--compression", "zstd,3", self.archive(), self.source)

    def restore_all(self, into):
        return self.call("extract", self.archive(), folder=into), self.below(into)

    def restore_one(self, session, into):
        cost = self.call("extract", self.archive(), session.relative_to("/"), folder=into)
        return cost, self.below(into) / session.relative_to(self.source)

    def housekeeping(self):
        return self.call("compact")

    def verify(self):
        return self.call("check", "--verify-data")

    def archive(self):
        return f"::{self.count}"

    def call(self, *words, folder=None):
        return self.run(self.program, *words, folder=folder)


class BorgPlain(Borg):
    name = "borg unencrypted"
    encryption = "none"
