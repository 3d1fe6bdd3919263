"""The tools that are compared; each has a file, and all answer to `Tool`."""
from peers.borg import Borg, BorgPlain
from peers.gzip_git import GzipGit
from peers.ours import Ours
from peers.restic import Restic
from peers.rustic import Rustic

TOOLS = [Ours, GzipGit, Restic, Borg, BorgPlain, Rustic]
