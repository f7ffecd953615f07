"""Short private folders under /tmp for ssh's control sockets, and what processes that were killed left of theirs.

A folder is locked as long as its process lives, whatever namespace that is in; one that is not locked is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PREFIX, _PLACE = "rd-", Path("/tmp")  # noqa: S108 -- a socket's path has room for some 100 characters
_YOUNG_S = 60.0  # between a folder's making and its lock lies a moment


class SocketFolder:
    """One folder, mode 0700, from its making to ``remove``."""

    def __init__(self, place: Path = _PLACE) -> None:
        remove_left_behind(place)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        self._lock = os.open(self.path, os.O_RDONLY)
        with suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def has_socket(self) -> bool:
        """Return whether ssh listens in it."""
        return any(self.path.iterdir())

    def remove(self) -> None:
        """Remove it with what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_left_behind(place: Path) -> None:
    """Remove our user's folders whose process is gone: SIGKILL left it no time to do so."""
    for path in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _remove_if_nobodys(path)


def _remove_if_nobodys(path: Path) -> None:
    status = path.lstat()
    if status.st_uid != os.getuid() or time.time() - status.st_mtime < _YOUNG_S:
        return
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)
