"""A cluster reached by Ray client, as the driver sees it: a process that works there, and deadlines for its answers."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from typing import Any, cast

from pipeline.clustering_parameters import ClusteringParameters
from pipeline.errors import JobError
from pipeline.far_process import DISCONNECT_S, work_far_away
from pipeline.share import Facts, Share
from pipeline.summaries import Collected

ENDED = "the process that was connected to it has ended"
REACH_S = 5.0
CONNECT_S = 30.0  # with the upload of the code; the weights, and so all clusters, wait no longer


class FarCluster:
    """One connection. ``address`` is ``host:port`` of the cluster's Ray client server.

    Clusters on this very machine take turns with ``turn`` when they are connected: each looks for a free port from
    23000 on for its end of the connection, and two that look at the same time share one, which mixes them up.
    """

    def __init__(self, address: str, given: ClusteringParameters, turn: AbstractContextManager[Any]) -> None:
        self._address, self._given = address, given
        self._host, _, self._port = address.rpartition(":")
        self._turn = turn if _is_here(self._host.strip("[]")) else nullcontext()
        context = get_context("spawn")  # a fork of a process with Ray's threads in it may hang
        self._pipe, self._their_end = context.Pipe()
        arguments = (self._their_end, address, given)
        self._process = context.Process(target=work_far_away, args=arguments, daemon=True)

    def connect(self) -> Facts:
        """Connect and return what the cluster has free. Raise JobError when it cannot be reached or does not fit."""
        try:
            socket.create_connection((self._host.strip("[]"), int(self._port)), timeout=REACH_S).close()
        except OSError as error:
            raise JobError(f"cannot be reached: {error.strerror or error}") from error
        with self._turn:
            self._process.start()
            self._their_end.close()
            return cast("Facts", self._answer(min(CONNECT_S, self._given.cluster_timeout_s)))

    def carry_out(self, share: Share) -> Collected:
        """Have a share worked on. Raise JobError when that fails, or when its time is over."""
        try:
            self._pipe.send(share)
        except OSError:
            raise JobError(ENDED) from None
        return cast("Collected", self._answer(self._given.cluster_timeout_s))

    def close(self) -> None:
        """Disconnect; what does not let itself be disconnected is killed."""
        self._pipe.close()
        if self._process.pid is not None:
            self._process.join(DISCONNECT_S + 1)
            self._process.kill()

    def _answer(self, timeout_s: float) -> Any:
        try:
            answer = self._pipe.recv() if self._pipe.poll(timeout_s) else JobError(f"no answer for {timeout_s:g} s")
        except (EOFError, OSError):
            answer = JobError(ENDED)
        if isinstance(answer, JobError):
            raise answer
        return answer


def _is_here(host: str) -> bool:
    """Return whether ``host`` is an address of this machine: only those can be bound."""
    try:
        family, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True
