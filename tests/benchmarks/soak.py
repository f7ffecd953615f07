"""The whole console for as many refreshes as it is told, at a hundredth of the time; prints one JSON line.

``python -m tests.benchmarks.soak REFRESHES``. Its clock runs as fast, so that histories fill and thin out, events come
and go, and sessions change as they would in so many hours.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from console.app import ConsoleApp
from console.cli.screen import settle
from console.services.core import Core, Options
from tests.benchmarks.soak_servers import CLUSTERS, fast_clock

SPEED = 100.0
REFRESH_S = 2.0 / SPEED
KEY_EVERY_S = 10.0 / SPEED
MOST_S = 560.0


def configured(folder: Path, dashboards: str, prometheus: str) -> Path:
    """Write the clusters.toml of the small fleet."""
    rows = [f'[prometheus.bench]\nurl = "{prometheus}"\n']
    rows += [
        f'[[clusters]]\nname = "bench-{n:02d}"\nkind = "local"\ndashboard = "{dashboards}/{n}"\nprometheus = "bench"\n'
        f'series = {{ job = "bench-{n:02d}" }}\n'
        for n in range(CLUSTERS)
    ]
    path = folder / "clusters.toml"
    path.write_text("\n".join(rows))
    return path


async def soak(core: Core, wanted: int) -> tuple[int, list[float]]:
    """Run the console until its Prometheus was asked so often; return how often it was, and megabytes per 1000."""
    process, app, sizes = psutil.Process(), ConsoleApp(core), list[float]()
    async with app.run_test(size=(160, 50)) as pilot:
        await settle(app)  # as `raydeck` does; the configuration's own refresh is taken over meanwhile
        core.fleet.refresh_s = REFRESH_S
        watch = core.fleet.metrics.watch_of("bench-00") if core.fleet.metrics is not None else None
        assert watch is not None
        count, refresh, ends_at = 0, watch.refresh, time.monotonic() + MOST_S

        async def counted(on_screen: frozenset[str]) -> None:
            nonlocal count
            await refresh(on_screen)
            count += 1
            if count % 1000 == 0:
                sizes.append(process.memory_info().rss / 1e6)

        watch.refresh = counted  # type: ignore[method-assign,assignment]
        keys = itertools.cycle(("1", "4", "j", "2", "E", "escape", "4", "j", "1", "j"))
        while count < wanted and time.monotonic() < ends_at:
            await pilot.press(next(keys))
            await asyncio.sleep(KEY_EVERY_S)
    return count, sizes


def main(wanted: int) -> None:
    epoch = time.time()
    command = [sys.executable, "-m", "tests.benchmarks.soak_servers", str(epoch), str(SPEED)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as servers,
    ):
        try:
            assert servers.stdout is not None
            config = configured(Path(folder), *servers.stdout.readline().split())
            environ = {"HOME": folder, "XDG_STATE_HOME": f"{folder}/state"}
            clock = fast_clock(epoch, SPEED)
            core = Core(Options(config, False, environ, Path(folder)), clock)
            core.load()
            count, sizes = asyncio.run(soak(core, wanted))
        finally:
            servers.terminate()
    seconds = time.time() - epoch
    found = {"refreshes": count, "seconds": seconds, "hours": seconds * SPEED / 3600, "rss_mb": sizes}
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
