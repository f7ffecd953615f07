"""The head is killed during a refresh, a submission and a follow: one clear line, and recovery without being asked."""

import asyncio

import msgspec
import pytest
from console_driver import Driver, console
from killing_proxy import TripProxy
from raydeck_process import Raydeck, configured, read_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

TICK = "import time\nfor n in range(100000): print('tick', n, flush=True); time.sleep(0.05)"
TICK_TOML = 'title = "Tick"\nentrypoint = "python tick.py"\n'
REFUSED = "nothing listens there (connection refused)"


@pytest.fixture
def cluster(fresh_cluster):
    return fresh_cluster(cpus=4)


@pytest.fixture
def user(cluster, tmp_path) -> Raydeck:
    """A user with a job that goes on and on."""
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    (jobs / "tick.toml").write_text(TICK_TOML)
    (jobs / "tick.py").write_text(TICK)
    return Raydeck(tmp_path / "user", f'[jobs]\npaths = ["{jobs}"]\n' + configured(cluster.spec))


def through(user: Raydeck, cluster, proxy: TripProxy) -> None:
    """Send this user through a proxy."""
    spec = msgspec.structs.replace(cluster.spec, dashboard=proxy.url)
    head = (user.folder / "clusters.toml").read_text().partition("[console]")[0]
    (user.folder / "clusters.toml").write_text(head + configured(spec))


def test_the_command_line(cluster, user):
    job_id = user.submit("tick")
    follower = user.start("logs", job_id, "--follow")
    read_until(follower, "tick 5")
    (before,) = user("status", "--json").check(0).json["clusters"]
    cluster.kill_head()
    on_job = [f"{command} {job_id}" for command in ("logs", "stop", "output --id")]
    for words in ("status", "nodes", "jobs", "submit tick", *on_job):
        ran = user(*words.split()).check_status(1)
        lines = [line for line in (ran.out.decode() + ran.err).splitlines() if REFUSED in line]
        assert len(lines) == 1, (words, ran)
    waiter = user.start("wait", cluster.name, "--timeout", "120")
    cluster.restart_head()
    user.end(waiter, 150).check(0)
    ended = user.end(follower).check(1, "link lost", "was its head restarted?")
    assert len(ended.err.splitlines()) <= 3
    (after,) = user("status", "--json").check(0).json["clusters"]  # at the same address, with the same token
    assert after["session_name"] != before["session_name"]
    assert user.status_of(user.submit("tick")) in {"PENDING", "RUNNING"}


def test_the_command_line_during_a_submission(cluster, user):
    with TripProxy(cluster.spec.dashboard, b"POST /api/jobs/", cluster.kill_head) as proxy:
        through(user, cluster, proxy)
        ran = user("submit", "tick").check(1, "cannot tell whether raysubmit_", "was started")
        assert proxy.acted.wait(30)  # the kill is seen before its last process is gone
        assert len(ran.err.splitlines()) == 1


async def seen_dying_and_coming_back(deck: Driver, cluster) -> None:
    """The head is killed while the clusters are refreshed, and the table recovers by itself."""
    await deck.shows(lambda text: f"● {cluster.name}" in text.replace("●  ", "● "))
    await asyncio.to_thread(cluster.kill_head)
    text = await deck.shows(lambda text: REFUSED in text and "○" in deck.row(cluster.name))
    assert text.count(REFUSED) == 1
    await asyncio.to_thread(cluster.restart_head)
    await deck.shows(lambda text: REFUSED not in text and "○" not in deck.row(cluster.name))


def test_the_console_during_a_refresh_and_a_follow(cluster, user):
    async def work() -> None:
        async with console(user) as deck:
            await seen_dying_and_coming_back(deck, cluster)
            job_id = await asyncio.to_thread(user.submit, "tick")
            await deck.press("2")
            await deck.shows(job_id)
            await deck.press("enter")
            await deck.shows("tick 5")
            await asyncio.to_thread(cluster.kill_head)
            await deck.shows("link lost")
            await deck.press("escape", "1")
            await deck.shows(REFUSED)
            await asyncio.to_thread(cluster.restart_head)
            await deck.shows(lambda text: REFUSED not in text)
            await deck.press("2")
            await deck.shows(lambda text: "no jobs yet" in text and job_id not in text)

    asyncio.run(work())


def test_the_console_during_a_submission(cluster, user):
    async def work() -> None:
        with TripProxy(cluster.spec.dashboard, b"POST /api/jobs/", cluster.kill_head) as proxy:
            through(user, cluster, proxy)
            async with console(user) as deck:
                await deck.shows(lambda text: f"● {cluster.name}" in text.replace("●  ", "● "))
                await deck.press("s")
                await deck.shows("WHAT IT DOES")
                while "tick" not in deck.row("▌"):
                    await deck.press("j")
                await deck.press("enter")
                await deck.shows("F5")
                await deck.press("f5")
                await deck.shows("cannot tell whether raysubmit_")
                await deck.press("escape")
                await deck.shows("NODES")
                await asyncio.to_thread(cluster.restart_head)
                await deck.shows(lambda _: "○" not in deck.row(cluster.name) and "—" not in deck.row(cluster.name))

    asyncio.run(work())
