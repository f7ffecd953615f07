"""Secrets: from files that only their owner reads, or from the environment. No value of one ever is in a message."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from console.config.reading import clean
from console.config.result import PrometheusServer
from console.errors import ConfigError
from console.model.cluster import ClusterSpec

TOKEN_PREFIX = "RAYDECK_AUTH_TOKEN_"  # noqa: S105 -- the beginning of names, no secret
_LONGEST_BYTES = 64 * 1024


def read_secret(path: Path) -> str:
    """Return the stripped content of a token file; raise ConfigError if others may read it or it holds no token."""
    where = clean(str(path))
    try:
        # Without O_NONBLOCK a pipe under that name would hold us until somebody writes to it.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            content = _private_content(file, where)
    except OSError as error:
        raise ConfigError(where, f"the token cannot be read: {error.strerror}") from None
    return _token(content, where)


def _private_content(file: BinaryIO, where: str) -> bytes:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(where, "is not a file, so no token is read from it")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        what = f"others may use this token file: mode {mode:04o}, expected 0600"
        raise ConfigError(where, what, f"chmod 600 {shlex.quote(where)}")
    return file.read(_LONGEST_BYTES)


def _token(content: bytes, where: str) -> str:
    token = content.decode("ascii", "replace").strip()
    if token and all("!" <= c <= "~" for c in token):
        return token
    what = "holds no token" if not token else "holds no usable token: expected one word of printable ASCII"
    raise ConfigError(where, what, "write the token alone into it")


def token_variable(name: str) -> str:
    """Return the environment variable of a cluster's token: ``local-1`` -> ``RAYDECK_AUTH_TOKEN_LOCAL_1``."""
    return f"{TOKEN_PREFIX}{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"


def auth_token(spec: ClusterSpec, environ: Mapping[str, str]) -> str | None:
    """Return the token for a cluster, None if it has none: the environment first, then its file.

    Ray's own ``RAY_AUTH_TOKEN`` counts for the implicit cluster only, so it never reaches a host that a file names.
    """
    variables = (token_variable(spec.name), *(("RAY_AUTH_TOKEN",) if spec.implicit else ()))
    for variable in variables:
        given = environ.get(variable)
        if given:
            return _token(given.encode("utf-8", "surrogateescape"), f"${variable}")
    return None if spec.auth_token_file is None else read_secret(spec.auth_token_file)


def bearer_token(server: PrometheusServer) -> str | None:
    """Return the token for a Prometheus server, None if it has none."""
    return None if server.bearer_token_file is None else read_secret(server.bearer_token_file)
