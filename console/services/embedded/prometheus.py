"""Where a Prometheus binary is, if there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from console.errors import EmbeddedError


def prometheus_binary(environ: Mapping[str, str]) -> str | None:
    """Return the path of ``$PROMETHEUS_BIN``, else of ``prometheus`` on PATH, else None.

    Raise EmbeddedError when the variable names something that cannot be run.
    """
    named = environ.get("PROMETHEUS_BIN")
    if not named:
        return shutil.which("prometheus", path=environ.get("PATH", os.defpath))
    if not os.access(named, os.X_OK) or Path(named).is_dir():
        raise EmbeddedError("PROMETHEUS_BIN", f"{named} is no program", "unset it, or name a prometheus binary")
    return named
