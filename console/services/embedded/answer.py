"""One small question to a server on this machine: is it there? Standard library only, for the guard's quick start."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Literal

from console.services.embedded.record import Ports, Role

Answer = Literal["answers", "silent", "refused"]
_PATHS: dict[Role, str] = {"ray": "/api/version", "prometheus": "/-/ready"}


def ask(role: Role, ports: Ports, token: str, timeout_s: float = 1.0) -> Answer:
    """Ask the dashboard's version, or whether Prometheus is ready.

    ``refused`` means that nothing listens there, ``silent`` anything else than a good answer within ``timeout_s``.
    """
    connection = HTTPConnection("127.0.0.1", ports.dashboard, timeout=timeout_s)
    try:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        # Ray 2.49 answers 500 to a request that does not say who asks.
        connection.request("GET", _PATHS[role], headers={"User-Agent": "raydeck", **authorization})
        status = connection.getresponse().status
    except ConnectionRefusedError:
        return "refused"
    except (OSError, HTTPException):
        return "silent"
    finally:
        connection.close()
    return "answers" if status == 200 else "silent"
