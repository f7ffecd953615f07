"""The process that a driver starts for each other cluster: connects to it by Ray client and works there.

A process, because a Ray client call into a cluster that hangs cannot be given up otherwise. It ends with the driver,
however that ends: then its pipe breaks, and it disconnects at once, so that the cluster is not left waiting for it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import ray

from pipeline.clustering_parameters import ClusteringParameters
from pipeline.driver import cause
from pipeline.errors import JobError

DISCONNECT_S = 3.0
ATTEMPTS = 3
SERVER_DIED = ("Starting Ray client server failed", "Server startup failed")  # Ray's words: it has no type for it


def work_far_away(pipe: Connection, address: str, given: ClusteringParameters) -> None:
    """Carry out the orders that come.

    None is to connect, answered with None once the versions fit and then with Facts; a Share is answered with a
    Collected. What goes wrong is answered with a JobError, and the end.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # meant for the driver, whose end is ours
    orders: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, orders), daemon=True).start()
    try:
        _work(pipe, address, given, orders)
    except Exception as error:  # whatever it is, it concerns this cluster alone, and the driver says it
        with suppress(OSError):
            pipe.send(JobError(cause(error)))
    _leave()


def _work(pipe: Connection, address: str, given: ClusteringParameters, orders: SimpleQueue[Any]) -> None:
    from pipeline.main_cluster import MainCluster  # noqa: PLC0415 -- takes half a second that connecting can use

    orders.get()
    _connect(address, {})  # Ray compares the versions last: after all is sent there, and packages are installed
    ray.shutdown()
    pipe.send(None)
    _connect(address, {"working_dir": str(Path(__file__).parents[1]), "excludes": ["__pycache__"], **packages()})
    cluster = MainCluster(given)
    pipe.send(cluster.connect())
    while True:
        pipe.send(cluster.carry_out(orders.get()))


def _connect(address: str, runtime_env: dict[str, Any], attempts: int = ATTEMPTS) -> None:
    """Connect, and again where the server that Ray forks there for each client died at its start.

    It crashes now and then, in gRPC (4 of some 25 connections, Ray 2.60); the next one is another process.
    """
    try:
        _init(address, runtime_env)
    except ConnectionError as error:
        if attempts == 1 or not any(words in str(error) for words in SERVER_DIED):
            raise
        ray.shutdown()
        _connect(address, runtime_env, attempts - 1)


def _init(address: str, runtime_env: dict[str, Any]) -> None:
    ray.init(f"ray://{address}", runtime_env=runtime_env, logging_level=logging.ERROR, log_to_driver=False)


def _receive(pipe: Connection, orders: SimpleQueue[Any]) -> None:
    with suppress(EOFError, OSError):
        while True:
            orders.put(pipe.recv())
    _leave()


def _leave() -> None:
    """Disconnect, but not for ever, and end."""
    threading.Thread(target=_end_later, daemon=True).start()
    with suppress(Exception):
        ray.shutdown()
    os._exit(0)


def _end_later() -> None:
    threading.Event().wait(DISCONNECT_S)
    os._exit(1)


def packages() -> dict[str, Any]:
    """Return the packages that the job itself was submitted with: the other clusters need them, too."""
    own = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR") or "{}").get("runtime_env") or {}
    return {key: own[key] for key in ("pip", "uv") if own.get(key)}
