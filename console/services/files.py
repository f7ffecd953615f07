"""Files that an operator asked for, outside of the state folder."""

from __future__ import annotations

from pathlib import Path

from console.errors import RaydeckError


def write_file(path: Path, content: bytes) -> None:
    """Write a file; what is there of that name is replaced. Raise RaydeckError when it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RaydeckError(str(path), f"cannot be written: {error.strerror}") from error
