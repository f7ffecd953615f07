"""Small real servers for Prometheus' side: an exporter whose page a test writes, and a Prometheus that fails."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server on 127.0.0.1 and yield its address; connections that hang do not keep it from ending."""
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.block_on_close = False
    server.handle_error = _untold  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _untold(*_: object) -> None:
    """A client that goes away in the middle is part of many tests."""


class Exporter:
    """Serves ``pages`` by path as a node agent does; a path without a page is 503."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.address = ""

    @contextmanager
    def running(self) -> Iterator[Exporter]:
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = exporter.pages.get(self.path)
                body = (page or "not now").encode()
                self.send_response(503 if page is None else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):  # the scrape was given up
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with served(Handler) as self.address:
            yield self


def vector(*series: tuple[dict[str, str], str]) -> dict[str, Any]:
    """Return the data of an instant answer."""
    return {"resultType": "vector", "result": [{"metric": m, "value": [1000.0, v]} for m, v in series]}


class TroubledPrometheus:
    """Answers ``data`` with ``warnings``; ``trouble`` says how it fails instead, the other two how only a part does."""

    def __init__(self) -> None:
        self.trouble = self.targets_trouble = self.history_trouble = ""
        self.data: Any = vector()
        self.targets: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.asked: list[str] = []
        self.methods: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.address = ""

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @contextmanager
    def running(self, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[TroubledPrometheus]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two packets; the second would wait 40 ms for an ACK

            def do_GET(self) -> None:
                fake.take(self, urlsplit(self.path).query)

            def do_POST(self) -> None:
                fake.take(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with served(Handler, port, tls) as self.address:
            yield self

    def take(self, request: BaseHTTPRequestHandler, query: str) -> None:
        path = urlsplit(request.path).path
        self.asked.append(parse_qs(query).get("query", [path])[0])
        self.methods.append(request.command)
        self.headers.append(dict(request.headers))
        trouble = self._trouble_of(path)
        status, kind, body = self._answer(path)
        if trouble == "hang":
            time.sleep(60)
        request.send_response(status)
        request.send_header("Content-Type", kind)
        if trouble == "redirect":
            request.send_header("Location", "http://192.0.2.1/login")
        if trouble == "gzip":
            body = gzip.compress(body)
            request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Length", str(len(body) + (100 if trouble == "cut" else 0)))
        request.end_headers()
        if trouble == "drip":
            for byte in body:
                request.wfile.write(bytes([byte]))
                time.sleep(0.2)
        else:
            request.wfile.write(body)
        request.close_connection = trouble == "cut"

    def _trouble_of(self, path: str) -> str:
        part = {"targets": self.targets_trouble, "query_range": self.history_trouble}.get(path.rpartition("/")[2], "")
        return self.trouble or part

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        data = {"activeTargets": self.targets, "droppedTargets": []} if path.endswith("targets") else self.data
        good = {"status": "success", "data": data, "warnings": self.warnings}
        bad = {"status": "error", "errorType": "bad_data", "error": 'invalid parameter "query": 1:1: parse error'}
        told: dict[str, tuple[int, str, bytes]] = {
            "html": (200, "text/html", b"<html>please log in</html>"),
            "refused": (400, "application/json", json.dumps(bad).encode()),
            "broken": (503, "text/plain", b"upstream connect error\x1b[31m or disconnect"),
            "gateway": (502, "text/html", b"<html><h1>Bad Gateway</h1></html>"),
            "unauthorized": (401, "text/plain", b"Unauthorized"),
            "forbidden": (403, "text/plain", b"no"),
            "redirect": (302, "text/plain", b""),
            "shape": (200, "application/json", b'{"status": "success", "data": {"result": [{"metric": 1}]}}'),
            "nothing": (200, "application/json", b"{}"),
        }
        return told.get(self._trouble_of(path), (200, "application/json", json.dumps(good).encode()))
