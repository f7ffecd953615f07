"""What is kept of an error that nobody foresaw: where it happened, without any value of a variable."""

from __future__ import annotations

import traceback

from console.errors import RaydeckError
from console.services.state_folder import StateFolder


def crashed(state: StateFolder, failure: BaseException, what: str) -> RaydeckError:
    """Keep the traceback and return the one line that tells of it; ``what`` is what failed, such as ``stop``."""
    kind = type(failure.__cause__ or failure).__name__
    told = f"{what} by an error of its own ({kind})"
    try:
        report = state.write("".join(traceback.format_exception(failure)).encode(), "crash.txt")
    except (OSError, RaydeckError):
        return RaydeckError("console", told)
    return RaydeckError("console", told, f"where it happened stands in {report}")
