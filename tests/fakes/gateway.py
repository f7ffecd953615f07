"""Istio's gateway as a probe sees it: routes by Host, 404 without one, 503 where nothing answers behind it.

``python -m tests.fakes.gateway ADDRESS PORT FILE``; FILE is JSON, host -> [address, port], read at each request: a
VirtualService comes and goes by it. It waits for what is behind it as long as Envoy does: for ever.
"""

import asyncio
import json
import sys
from pathlib import Path

NO_ROUTE = b"HTTP/1.1 404 Not Found\r\nserver: istio-envoy\r\ncontent-length: 0\r\n\r\n"
REASON = b"upstream connect error or disconnect/reset before headers. reset reason: connection failure"
NO_ENDPOINT = (
    b"HTTP/1.1 503 Service Unavailable\r\nserver: istio-envoy\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(REASON), REASON)
)


def routes(file: Path) -> dict[str, list[object]]:
    found: dict[str, list[object]] = json.loads(file.read_text())
    return found


async def answer(file: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
    place = routes(file).get(fields.get("Host", "").partition(":")[0])
    writer.write(NO_ROUTE if place is None else await behind(place, head))
    await writer.drain()
    writer.close()


async def behind(place: list[object], head: bytes) -> bytes:
    try:
        reader, writer = await asyncio.open_connection(str(place[0]), int(str(place[1])))
    except OSError:
        return NO_ENDPOINT
    try:
        writer.write(head)
        told = await reader.read()
    except OSError:
        return NO_ENDPOINT
    finally:
        writer.close()
    if not told.startswith(b"HTTP/"):
        return NO_ENDPOINT
    line, _, rest = told.partition(b"\r\n")
    return line + b"\r\nserver: istio-envoy\r\n" + rest


async def served(file: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await answer(file, reader, writer)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def main() -> None:
    address, port, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    await asyncio.start_server(lambda reader, writer: served(file, reader, writer), address, port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
