"""A working dir as the package that Ray's own client would send: the same files, the same ``gcs://`` address.

The address is a hash of names and contents, computed as Ray does (``get_uri_for_directory``, read in 2.49.2 and 2.60),
so what is on the head already is not sent again. `.git`, byte code and virtual environments are left out, and what
`.gitignore` and `.rayignore` say. Blocking: to be run in a thread.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

from msgspec import Struct

from console.errors import UsageError

MAX_PACKAGE_BYTES = 100 * 1024 * 1024
MOST_PATHS = 100_000
EXCLUDES = (".git", ".venv", "venv", "__pycache__", "*.pyc")
_IGNORE_FILES = (".gitignore", ".rayignore")
_CHUNK_BYTES = 1024 * 1024
_MIB = 1024**2
_HASH_BYTES = 8

Matches = Callable[[Path], bool]


class Package(Struct, frozen=True):
    """What of a folder is sent: ``paths`` holds folders, too; ``size_bytes`` is that of the files."""

    folder: Path
    paths: Sequence[Path]
    size_bytes: int

    @property
    def file_count(self) -> int:
        """Return how many files are sent."""
        return sum(not path.is_dir() for path in self.paths)

    def address(self) -> str:
        """Return the ``gcs://`` address of these names and contents."""
        value = b"0" * _HASH_BYTES
        for path in self.paths:
            value = bytes(a ^ b for a, b in zip(value, _digest(path, self.folder), strict=False))
        return f"gcs://_ray_pkg_{value.hex()}.zip"

    def write(self, target: Path) -> int:
        """Write the archive, uncompressed as Ray does, and return its size in bytes."""
        with zipfile.ZipFile(target, "w", strict_timestamps=False) as archive:
            for path in self.paths:
                if path.is_file() or (path.is_dir() and next(path.iterdir(), None) is None):
                    archive.write(path, path.relative_to(self.folder))
        return target.stat().st_size


def look_at(folder: Path) -> Package:
    """List what of a folder would be sent. Raise UsageError where it is no folder, or too large to be sent."""
    root = folder.absolute()
    if not root.is_dir():
        raise UsageError(str(folder), "is not a folder", "--working-dir names the job's folder")
    paths = []
    for path in _walk(root, [_matcher(root, EXCLUDES)]):
        paths.append(path)
        if len(paths) > MOST_PATHS:
            raise UsageError(str(folder), f"holds more than {MOST_PATHS} files", "leave some out with .rayignore")
    sizes = {path: path.stat().st_size for path in paths if path.is_file()}
    total = sum(sizes.values())
    if total > MAX_PACKAGE_BYTES:
        biggest = sorted(sizes, key=lambda path: -sizes[path])[:3]
        words = ", ".join(f"{path.relative_to(root)} {sizes[path] / _MIB:.1f} MiB" for path in biggest)
        what = f"is {total / _MIB:.0f} MiB, more than the {MAX_PACKAGE_BYTES // _MIB} MiB that can be sent: {words}"
        raise UsageError(str(folder), what, "leave it out with a line in .rayignore")
    return Package(root, paths, total)


def _walk(path: Path, excluded: list[Matches]) -> Iterator[Path]:
    """Yield what is not excluded, the folder itself first, with the rules of the ignore files of each folder."""
    here = [*excluded, *_ignore_rules(path)] if path.is_dir() else excluded
    if any(matches(path) for matches in here) or (path / "pyvenv.cfg").is_file():
        return
    yield path
    if path.is_dir():
        for below in path.iterdir():
            yield from _walk(below, here)


def _ignore_rules(folder: Path) -> list[Matches]:
    names = _IGNORE_FILES[1:] if os.environ.get("RAY_RUNTIME_ENV_IGNORE_GITIGNORE") == "1" else _IGNORE_FILES
    return [
        _matcher(folder, (folder / name).read_text(errors="replace").splitlines())
        for name in names
        if (folder / name).is_file()
    ]


def _matcher(folder: Path, patterns: Sequence[str]) -> Matches:
    pathspec = import_module("ray._private.thirdparty.pathspec")  # Ray's own, so that both agree; slow to import
    spec = pathspec.PathSpec.from_lines("gitwildmatch", patterns)
    return lambda path: bool(spec.match_file(str(path.relative_to(folder))))


def _digest(path: Path, root: Path) -> bytes:
    found = hashlib.sha1(str(path.relative_to(root)).encode(), usedforsecurity=False)
    if not path.is_dir():
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    found.update(chunk)
        except OSError:  # a pipe without a reader's rights: its name alone counts, as for Ray
            pass
    return found.digest()
