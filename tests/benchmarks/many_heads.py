"""The near ends of 25 tunnels, five of which accept and never answer: ``python -m tests.benchmarks.many_heads``."""

import asyncio

from console.model.portplan import SLOTS, port_plan
from tests.fakes.stand_in import StandIn

HUNG = frozenset(range(SLOTS - 4, SLOTS + 1))


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.read(4096):
            pass
    finally:
        writer.close()


async def main() -> None:
    for slot in range(1, SLOTS + 1):
        head = StandIn(f"session_2026-01-01_08-00-{slot:02}_000000_{slot}", "ray")
        plan = port_plan("local", slot)
        for port in plan.ports:
            answer = head.grpc if port == plan.client else head.http
            await asyncio.start_server(hang if slot in HUNG else answer, "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
