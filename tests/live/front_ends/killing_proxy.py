"""A TCP proxy before a dashboard that does something the moment it is asked for something: kills the head, say."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class TripProxy:
    """``with TripProxy(url, b"POST /api/jobs/", kill) as proxy``: ``kill()`` runs before these bytes are passed on."""

    def __init__(self, url: str, trigger: bytes, act: Callable[[], None]) -> None:
        address = urlsplit(url)
        self._target = (str(address.hostname), int(address.port or 80))
        self._trigger, self._act = trigger, act
        self.acted = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in (self._listener, *self._open):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        self._open += [client, server]
        threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
        self._copy(client, server, watched=True)

    def _copy(self, source: socket.socket, sink: socket.socket, *, watched: bool = False) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if watched and self._trigger in chunk and not self.acted.is_set():
                    self._act()
                    self.acted.set()
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
