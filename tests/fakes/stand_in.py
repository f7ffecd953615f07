"""A computer's five Ray ports in one small process, where Ray itself would add nothing to what a probe sees.

``python -m tests.fakes.stand_in SESSION [MODE]``; modes: ray, html (another HTTP service), banner (another TCP one),
late (Ray whose clock is behind), no-metrics (the head's agent is dead), elder (it has run since yesterday).
Ends with its parent's signal; a stopped one is a hung target.
"""

import asyncio
import json
import sys
import time
from email.utils import formatdate

PORTS = {"dashboard": 8265, "client": 10001, "metrics-head": 8500, "metrics-worker": 8501, "serve": 8350}
SETTINGS = bytes(3) + b"\x04" + bytes(5)


class StandIn:
    def __init__(self, session: str, mode: str) -> None:
        self.mode = mode
        started_at = time.time() - (86_400 if mode == "elder" else 0)
        node = {"node_id": f"node-of-{session}", "is_head_node": True, "state": "ALIVE"}
        node["start_time_ms"] = started_at * 1000
        worker = {"node_id": f"worker-of-{session}", "is_head_node": False, "state": "ALIVE"}
        self.replies = {
            "/api/version": {"ray_version": "2.49.2", "session_name": session},
            "/api/v0/nodes": {"data": {"result": {"result": [node, worker]}}},
            "/api/v0/cluster_metadata": {"data": {"pythonVersion": "3.12.9"}},
            "/api/serve/applications/": {"applications": {"requests": {"status": "RUNNING"}}},
            "/-/healthz": "success",
            "/favicon.ico": "",
        }

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "banner":
            writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        line = await reader.readline()
        path = [*line.split(), b"", b""][1].decode("latin-1").partition("?")[0]
        while await reader.readline() not in {b"\r\n", b""}:
            pass
        if self.mode != "banner" and line:
            writer.write(self.answer(path))
        await writer.drain()
        writer.close()

    def answer(self, path: str) -> bytes:
        found = self.replies.get(path)
        body = b"<html>login</html>" if self.mode == "html" else json.dumps(found).encode()
        status = "200 OK" if found is not None or self.mode == "html" else "404 Not Found"
        date = formatdate(time.time() - (120 if self.mode == "late" else 0), usegmt=True)
        return f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async def grpc(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SETTINGS)
        await writer.drain()
        await reader.read(100)
        writer.close()


async def main() -> None:
    stand_in = StandIn(sys.argv[1], (sys.argv[2:] or ["ray"])[0])
    for name, port in PORTS.items():
        if name == "metrics-head" and stand_in.mode == "no-metrics":
            continue
        await asyncio.start_server(stand_in.grpc if name == "client" else stand_in.http, "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
