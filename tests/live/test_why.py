"""Why jobs wait and fail, on a real head: a real OOM kill, a task that no node can take, a module, an environment."""

from __future__ import annotations

import asyncio
import shlex
import time

import psutil
import pytest

from console.services.core import Core, Options
from console.services.rerun import rerun
from console.services.sending import send_request
from console.services.submit import Request
from console.services.why import why

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("why")]

GIB = 1024**3
RESERVED = {"entrypoint_num_cpus": 0.5, "entrypoint_memory": 64 * 1024**2}
HOG = """
import ray
ray.init()
@ray.remote(num_cpus=100, name="huge")
def huge(): pass
@ray.remote(max_retries=0)
def hog():
    kept = []
    while True:
        kept.append(bytearray(100 * 1024 * 1024))
waiting = huge.remote()
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.1)
ray.get(hog.remote())
"""


@pytest.fixture
def small_head(fresh_cluster, monkeypatch):
    """A head that kills workers once this machine holds some GiB more than now: Ray's own memory monitor.

    What else runs here comes and goes by a GiB or two, so the room is as large as can be filled within seconds.
    """
    memory = psutil.virtual_memory()
    if memory.available < 4 * GIB:
        pytest.skip("not permitted: less than 4 GiB of memory are free")
    room = min(5 * GIB, memory.available // 2)
    limit = (memory.total - memory.available + room) / memory.total
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{limit:.4f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    return fresh_cluster()


async def until(look, wanted, timeout_s=90.0):
    give_up_at = time.monotonic() + timeout_s
    while not wanted(found := await look()):
        assert time.monotonic() < give_up_at, found
        await asyncio.sleep(0.3)
    return found


def test_causes_are_told_apart_on_a_real_head(small_head, tmp_path):
    (tmp_path / "hog.py").write_text(HOG)
    go = tmp_path / "go"

    async def scenario():
        core = Core(Options(None, False, small_head.environ, tmp_path))
        core.load()
        await core.begin()
        dashboard = core.fleet.dashboard(small_head.name)

        async def start(command, **environment):
            return await send_request(
                core, small_head.name, Request(job="", command=command, working_dir=None, **environment)
            )

        async def cause_of(job):
            ended = await until(lambda: dashboard.job(job.id), lambda found: found.ended)
            return await why(core, ended)

        try:
            hog = await start(f"python {shlex.quote(str(tmp_path / 'hog.py'))} {shlex.quote(str(go))}")
            words = "huge: 100 CPU: never: the cluster has 6 CPU in all"
            await until(lambda: why(core, hog), lambda found: words in found.details)
            module, code, gone = await asyncio.gather(
                start("python -c 'import no_such_module'"),
                start("exit 3", reserved=RESERVED),
                start("true", runtime_env={"working_dir": "gcs://_ray_pkg_0000000000000000.zip"}),
            )
            assert (await cause_of(module)).headline == "the module no_such_module is not there"
            assert (await cause_of(code)).headline == "the entrypoint ended with exit code 3"
            again = await rerun(core, await dashboard.job(code.id))
            assert await dashboard.reserved(again.id) == await dashboard.reserved(code.id) == RESERVED
            assert await dashboard.reserved(module.id) == {}
            assert (await cause_of(gone)).cause == "runtime environment"
            go.touch()
            killed = await cause_of(hog)
            assert killed.cause == "out of memory"
            assert killed.headline.startswith("out of memory on node "), killed
            assert " GB used of " in killed.headline
        finally:
            await core.close()

    asyncio.run(scenario())
