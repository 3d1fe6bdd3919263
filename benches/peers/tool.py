"""What every compared tool answers to."""
import os
import shutil
import subprocess
from pathlib import Path

from measure import bytes_in, run


class Tool:
    """One tool with a home of its own, which backs up the Claude home `source`."""

    name = ""
    program = ""
    package = ""
    crate = ""
    asked_version = "--version"

    def __init__(self, home: Path, source: Path):
        self.home, self.source = home, source
        self.repository = home / "repository"
        self.env = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        home.mkdir(parents=True)

    @classmethod
    def version(cls):
        """The first line that the program says of itself, or None where it is not there."""
        path = shutil.which(cls.program)
        said = path and subprocess.run([path, cls.asked_version], capture_output=True, text=True, check=True).stdout
        return said.splitlines()[0] if said else None

    def first(self):
        """Makes the repository and the first backup."""
        raise NotImplementedError

    def backup(self):
        """One more backup, kept on this machine where the tool knows of another place."""
        raise NotImplementedError

    def restore_all(self, into):
        """Restores everything and gives the cost, and where the Claude home lies now."""
        raise NotImplementedError

    def restore_one(self, session, into):
        """Restores one session and gives the cost, and the file."""
        raise NotImplementedError

    def housekeeping(self):
        """What the tool's papers advise now and then, as long as every backup stays."""
        raise NotImplementedError

    def verify(self):
        """Reads every stored byte and compares it with what it should be; ends the run where one differs."""
        raise NotImplementedError

    def stored(self):
        """Bytes of all that the tool keeps, caches left out."""
        return bytes_in(self.repository)

    def history(self):
        """Those of them that a backup adds to; less where current files lie beside the history."""
        return self.stored()

    def connect(self, _remote):
        """Sends what there is to this git remote, to which `send` sends from now on.

        Both give None where the tool knows of no such thing: it backs up to another place, or to here.
        """
        return None

    def send(self):
        """Sends what is new."""
        return None

    def run(self, *words, folder=None):
        return run(*words, env=self.env, folder=folder)

    def below(self, folder):
        """Where the source lies in a folder into which full paths were restored."""
        return folder / self.source.relative_to("/")
