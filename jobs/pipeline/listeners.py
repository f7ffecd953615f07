"""Who listens on a port of this node.

Ray Serve shares ports (SO_REUSEPORT): two clusters that bind one port both succeed, and answers come from either. So a
job looks before it starts Serve, and asks again before it says "ready".
"""

from __future__ import annotations

import json
import socket
import time
from http.client import HTTPConnection, HTTPException

ANSWERS_IN_A_ROW = 12  # a second listener stays unseen with a chance of 1 in 2048
NO_JOB = "something that is no job's application"


def local_host(host: str) -> str:
    """Return the address by which this node reaches what is bound to ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound


def is_taken(host: str, port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        socket.create_connection((local_host(host), port), timeout=1).close()
    except OSError:
        return False
    return True


def stranger(host: str, port: int, submission_id: str, patience_s: float = 5.0) -> str | None:
    """Return who else answers there, None when only ``submission_id`` does or nothing can be heard from here.

    A proxy that has not learnt its routes yet answers 404 for us, so what is heard before our first own answer counts
    only while there is none. From then on any other answer is somebody else's, who may be silent for a while by chance:
    the kernel deals the connections, so one answer of ours proves nothing and a row of them is asked for.
    """
    ours_in_a_row, heard_ourselves, other, give_up_at = 0, False, None, time.monotonic() + patience_s
    while ours_in_a_row < ANSWERS_IN_A_ROW and time.monotonic() < give_up_at:
        heard = _answering(host, port)
        if heard == submission_id:
            ours_in_a_row, heard_ourselves, other = ours_in_a_row + 1, True, None
        elif heard and heard_ourselves:
            return heard
        else:
            ours_in_a_row, other = 0, heard or other
            time.sleep(0.1)
    return other


def _answering(host: str, port: int) -> str:
    """Return the submission id of who answers ``GET /about``, another word for a stranger, empty for silence."""
    connection = HTTPConnection(local_host(host), port, timeout=2)
    try:
        connection.request("GET", "/about")
        about = json.loads(connection.getresponse().read())
    except ValueError:
        return NO_JOB
    except (OSError, HTTPException):
        return ""
    finally:
        connection.close()
    return str(about.get("submission_id", NO_JOB)) if isinstance(about, dict) else NO_JOB
