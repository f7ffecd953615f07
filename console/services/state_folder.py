"""The folder where raydeck keeps what must outlive one run: private to its owner, every write atomic.

It owns the place (``$XDG_STATE_HOME/raydeck``, else ``~/.local/state/raydeck``), the modes (0700 and 0600) and the
names below it, so that no other module can write outside of it or leave half a file behind.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from console.errors import RaydeckError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\Z")
_LOCK_POLL_S = 0.05


class StateFolder:
    """A private folder; a *part* is the name of a file or folder in it, never a path of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> StateFolder:
        """Return the folder of this user; as XDG demands, a relative ``$XDG_STATE_HOME`` counts as unset."""
        base = Path(environ.get("XDG_STATE_HOME", ""))
        if not base.is_absolute():
            base = Path(environ["HOME"] if environ.get("HOME") else Path.home()) / ".local" / "state"
        return cls(base / "raydeck")

    def at(self, *parts: str) -> Path:
        """Return the path of ``parts`` without touching the disk. Raise ValueError for a part that is no plain name."""
        for part in parts:
            if not _NAME.match(part):
                msg = f"{part!r} is no name for a file in the state folder"
                raise ValueError(msg)
        return self.path.joinpath(*parts)

    def folder(self, *parts: str) -> Path:
        """Make the folder ``parts`` and those above it, mode 0700, and return its path."""
        path = self.at(*parts)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for depth in range(1, len(parts) + 1):
                self.at(*parts[:depth]).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            hint = "set XDG_STATE_HOME to a folder of your own"
            raise RaydeckError(str(path), error.strerror or "cannot be made", hint) from error
        return path

    def write(self, content: bytes, *parts: str) -> Path:
        """Replace the file ``parts`` in one step, mode 0600, and return its path."""
        path = self.folder(*parts[:-1]) / self.at(*parts).name
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return path

    def read(self, *parts: str) -> bytes | None:
        """Return the content of the file ``parts``, None where there is none."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return self.at(*parts).read_bytes()
        return None

    def remove(self, *parts: str) -> None:
        """Remove the file ``parts``, and its folder once nothing else is in it."""
        path = self.at(*parts)
        path.unlink(missing_ok=True)
        if len(parts) > 1:
            with suppress(OSError):
                path.parent.rmdir()

    @asynccontextmanager
    async def locked(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> AsyncIterator[None]:
        """Hold the folder against other raydecks of this user; the kernel lets go when the process ends."""
        descriptor = os.open(self.folder(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(descriptor)
