"""A cluster reached by Ray client, as the driver sees it: a process that works there, and deadlines for its answers."""

from __future__ import annotations

import os
import socket
import time
from multiprocessing import get_context
from threading import Lock
from typing import Any, cast

from pipeline.clustering_parameters import ClusteringParameters
from pipeline.errors import JobError
from pipeline.far_process import DISCONNECT_S, packages, work_far_away
from pipeline.share import Facts, Share
from pipeline.summaries import Collected
from pipeline.turn import Turn

ENDED = "the process that was connected to it has ended"
REACH_S = 5.0
CONNECT_S = 60.0  # loaded machines were seen to need over 30; the weights, and so all clusters, wait for this one
TURN_S = 40.0  # loaded machines were seen to need over 15, and two that connect at once are mixed up
TURNS_S = 2 * TURN_S  # more clusters than take this many turns are hardly on one machine
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"  # gRPC's first words: HTTP/2's preface, no settings


def connecting_s(given: ClusteringParameters) -> float:
    """Return how long clusters may take to be connected, turns included."""
    return TURNS_S + REACH_S + _connect_s(given)


def _connect_s(given: ClusteringParameters) -> float:
    """Return how long a cluster may take to be connected: longer, where it has to install packages for it."""
    return given.cluster_timeout_s if packages() else _fitting_s(given)


def _fitting_s(given: ClusteringParameters) -> float:
    """Return how long a cluster may take until its versions are known."""
    return min(CONNECT_S, given.cluster_timeout_s)


class FarCluster:
    """One connection. ``address`` is ``host:port`` of the cluster's Ray client server.

    Clusters on this very machine take turns with ``turn`` when they are connected: each looks for a free port from
    23000 on for its end of the connection, and two that look at the same time share one, which mixes them up.
    """

    def __init__(self, address: str, given: ClusteringParameters, turn: Turn) -> None:
        host, _, port = address.rpartition(":")
        self._endpoint, self._given = (host.strip("[]"), int(port)), given
        self._turn = turn if _is_here(self._endpoint[0]) else Turn(TURN_S)
        context = get_context("spawn")  # a fork of a process with Ray's threads in it may hang
        self._pipe, self._their_end = context.Pipe()
        arguments = (self._their_end, address, given)
        self._process = context.Process(target=work_far_away, args=arguments, daemon=True)
        self._starting, self._closed = Lock(), False

    def connect(self) -> Facts:
        """Connect and return what the cluster has free. Raise JobError when it cannot be reached or does not fit."""
        _reach(self._endpoint, min(REACH_S, self._given.cluster_timeout_s))
        self._start()
        with self._turn.taken():
            began_at = time.monotonic()
            self._send(None)
            self._answer(began_at, _fitting_s(self._given))
            return cast("Facts", self._answer(began_at, _connect_s(self._given)))

    def carry_out(self, share: Share) -> Collected:
        """Have a share worked on. Raise JobError when that fails, or when its time is over."""
        self._send(share)
        return cast("Collected", self._answer(time.monotonic(), self._given.cluster_timeout_s))

    def close(self) -> None:
        """Disconnect, or never connect; what does not let itself be disconnected is killed."""
        with self._starting:
            self._closed = True
        self._pipe.close()
        if self._process.pid is not None:
            self._process.join(DISCONNECT_S + 1)
            self._process.kill()

    def _start(self) -> None:
        with self._starting:
            if self._closed:
                raise JobError(ENDED)
            self._process.start()
        self._their_end.close()

    def _send(self, order: Share | None) -> None:
        try:
            self._pipe.send(order)
        except OSError:
            raise JobError(ENDED) from None

    def _answer(self, began_at: float, timeout_s: float) -> Any:
        left_s = max(0.0, began_at + timeout_s - time.monotonic())
        try:
            answer = self._pipe.recv() if self._pipe.poll(left_s) else JobError(f"no answer for {timeout_s:g} s")
        except (EOFError, OSError):
            answer = JobError(ENDED)
        if isinstance(answer, JobError):
            raise answer
        return answer


def _reach(endpoint: tuple[str, int], timeout_s: float) -> None:
    """Raise JobError unless a gRPC server lives there: what hangs, or is only a forward, takes connections too."""
    try:
        with socket.create_connection(endpoint, timeout=timeout_s) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() not in {"1", "true"}:
                connection.sendall(GREETING)
                if not connection.recv(1):
                    raise JobError("cannot be reached: what takes the connection closes it at once")
    except OSError as error:
        raise JobError(f"cannot be reached: {error.strerror or error}") from error


def _is_here(host: str) -> bool:
    """Return whether ``host`` is an address of this machine: only those can be bound."""
    try:
        family, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True
