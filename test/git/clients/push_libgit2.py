"""Pushes by libgit2 (pygit2): REPOSITORY URL REFSPEC. Ends with 1 and says why when the push or a ref is refused."""
import os
import sys

import pygit2

repository, url, refspec = sys.argv[1:4]
refused = []


class Callbacks(pygit2.RemoteCallbacks):
    def sideband_progress(self, string):
        sys.stdout.write(string)

    def push_update_reference(self, refname, message):
        if message is not None:
            refused.append(f"{refname}: {message}")


remote = pygit2.Repository(repository).remotes.create(f"of-{os.getpid()}", url)
try:
    remote.push([refspec], callbacks=Callbacks())
except pygit2.GitError as error:
    refused.append(str(error))
print("\n".join(refused))
sys.exit(1 if refused else 0)
