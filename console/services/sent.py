"""What was sent from this machine: the folder of each submission, so that it can be sent again when a head lost it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from console.services.state_folder import StateFolder
from console.services.submit import Request

_FOLDER = "submissions"
_MOST = 500


class _Sent(msgspec.Struct, frozen=True):
    working_dir: str


class SentShelf:
    """``submissions/<id>.json``, the newest 500; nothing of a runtime environment is in them."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state

    def remember(self, submission_id: str, request: Request) -> None:
        """Keep which folder a submission's working dir was."""
        if request.working_dir is None:
            return
        content = msgspec.json.encode(_Sent(str(request.working_dir.absolute())))
        self._state.write(content, _FOLDER, f"{submission_id}.json")
        kept = sorted(self._state.at(_FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MOST]:
            path.unlink(missing_ok=True)

    def working_dir(self, submission_id: str) -> Path | None:
        """Return the folder that a submission from this machine was made of, None where that is not known."""
        try:
            content = self._state.read(_FOLDER, f"{submission_id}.json")
            return None if content is None else Path(msgspec.json.decode(content, type=_Sent).working_dir)
        except (ValueError, OSError):  # no plain name, or not what we wrote
            return None
