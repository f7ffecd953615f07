"""The dashboard client against a small real server: replies decoded, every failure in our own words."""

import asyncio
import gc
import sys

import httpx
import pytest

from console.clients.dashboard import DashboardClient
from console.errors import (
    AuthError,
    ConfigError,
    NotFoundError,
    NotRayError,
    ReplyError,
    SlowError,
    SourceError,
    UnreachableError,
)
from console.model.cluster import ClusterSpec
from console.render.documents import jobs_document
from tests.fakes.dashboard import FakeDashboard, fake_dashboard, recorded


def client(url: str, timeout_s: float = 2.0) -> DashboardClient:
    return DashboardClient(ClusterSpec(name="one", kind="local", dashboard=url), None, timeout_s=timeout_s)


def test_decodes_what_a_head_sends() -> None:
    async def work() -> None:
        async with fake_dashboard() as fake:
            dashboard = client(fake.url)
            identity = await dashboard.identity()
            assert (identity.ray_version, identity.session_name[:8]) == ("2.60.0", "session_")
            (head,) = await dashboard.nodes()
            sent = recorded("nodes")["data"]["summary"][0]
            assert (head.role, head.alive, head.ip) == ("head", True, sent["ip"])
            assert head.value("cpu_percent") == sent["cpu"]
            assert head.value("memory_used_bytes") == sent["mem"][3]
            assert head.value("network_send_bytes_per_s") == sent["networkSpeed"][0]
            assert head.samples["cpu_percent"].sampled_at == sent["now"]
            free = await dashboard.free()
            used, total = recorded("cluster_status")["data"]["clusterStatus"]["loadMetricsReport"]["usage"]["CPU"]
            assert (free.cpus, free.gpus) == (total - used, 0)
            assert free.counted_at == recorded("cluster_status")["data"]["clusterStatus"]["time"]
            jobs = await dashboard.jobs()
            assert [job.submission_id for job in jobs] == [job["submission_id"] for job in recorded("jobs")]
            await dashboard.close()

    asyncio.run(work())


def test_environment_variables_are_never_decoded() -> None:
    async def work() -> None:
        async with fake_dashboard() as fake:
            dashboard = client(fake.url)
            jobs = await dashboard.jobs()
            assert "hunter2-secret" in str(fake.replies["/api/jobs/"])
            assert "hunter2-secret" not in repr(jobs) + str(jobs_document(jobs))
            await dashboard.close()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ("hang", SlowError, "no answer within 0.3 s"),
        ("html", NotRayError, "not Ray's dashboard"),
        ("error", ReplyError, "HTTP 500"),
        ("close", UnreachableError, "closed before the answer was whole"),
        ("unauthorized", AuthError, "wants a token"),
        ("forbidden", AuthError, "refuses our token"),
    ],
)
def test_every_failure_has_its_words(trouble: str, kind: type[SourceError], words: str) -> None:
    async def work() -> SourceError:
        async with fake_dashboard() as fake:
            fake.trouble = trouble
            dashboard = client(fake.url, timeout_s=0.3)
            with pytest.raises(kind) as caught:
                await dashboard.identity()
            await dashboard.close()
            return caught.value

    error = asyncio.run(work())
    assert words in error.what
    assert "\n" not in str(error)


def test_nothing_listens_and_no_name() -> None:
    async def work(url: str) -> str:
        dashboard = client(url)
        with pytest.raises(UnreachableError) as caught:
            await dashboard.identity()
        await dashboard.close()
        return caught.value.what

    assert "refused" in asyncio.run(work("http://127.0.0.1:1"))
    assert asyncio.run(work("http://no-such-host.invalid")) == "the name does not resolve"


def test_an_unknown_job_is_not_found() -> None:
    async def work() -> None:
        async with fake_dashboard() as fake:
            dashboard = client(fake.url)
            with pytest.raises(NotFoundError):
                await dashboard.job("raysubmit_nothing/../x")
            await dashboard.close()

    asyncio.run(work())


@pytest.mark.parametrize("body", [b"", b"404 page not found", b"<html>Job nobody knows does not exist</html>"])
def test_the_404_of_a_gateway_is_no_word_on_the_job(body: bytes) -> None:
    async def work() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(404, content=body))
        spec = ClusterSpec(name="one", kind="local", dashboard="http://head")
        dashboard = DashboardClient(spec, None, transport=transport)
        for question in (dashboard.job, dashboard.stop):
            with pytest.raises(ReplyError, match="HTTP 404"):
                await question("raysubmit_x")
        await dashboard.close()

    asyncio.run(work())


def test_odd_node_replies_leave_unknowns_and_never_crash() -> None:
    async def work(fake: FakeDashboard, summary: object) -> tuple[object, ...]:
        fake.replies["/nodes"] = {"data": {"summary": summary}}
        dashboard = client(fake.url)
        try:
            return await dashboard.nodes()
        finally:
            await dashboard.close()

    async def all_of_them() -> None:
        async with fake_dashboard() as fake:
            (bare,) = await work(fake, [{"raylet": {"nodeId": "a", "state": "DEAD", "endTimeMs": "1000"}}])
            assert (bare.alive, bare.died_at, bare.samples) == (False, 1.0, {})  # type: ignore[attr-defined]
            gpu = {"index": 1, "name": "A", "utilizationGpu": None, "memoryUsed": 3, "memoryTotal": 8}
            (node,) = await work(fake, [{"raylet": {"state": "ALIVE"}, "now": 5.0, "cpu": 1, "gpus": [gpu]}])
            assert node.gpus[0].used_percent is None  # type: ignore[attr-defined]
            assert node.gpus[0].memory_used_bytes == 3 * 1024**2  # type: ignore[attr-defined]
            with pytest.raises(NotRayError):
                await work(fake, "nonsense")

    asyncio.run(all_of_them())


def test_a_token_that_could_not_be_read_is_read_again_before_each_question() -> None:
    answers: list[str | ConfigError] = [ConfigError("file", "is not there"), "word"]

    def token_again() -> str:
        answer = answers.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    async def work() -> None:
        async with fake_dashboard() as fake:
            spec = ClusterSpec(name="one", kind="local", dashboard=fake.url)
            dashboard = DashboardClient(spec, None, token_again=token_again)
            with pytest.raises(AuthError, match="is not there"):
                await dashboard.identity()
            assert fake.asked == []
            await dashboard.identity()
            await dashboard.identity()
            assert fake.tokens == ["Bearer word", "Bearer word"]
            await dashboard.close()

    asyncio.run(work())


def test_a_starting_head_does_not_know_what_is_free() -> None:
    async def work() -> None:
        async with fake_dashboard() as fake:
            fake.replies["/api/cluster_status"] = {"data": {"clusterStatus": {}}}
            dashboard = client(fake.url)
            assert await dashboard.free() is None
            await dashboard.close()

    asyncio.run(work())


def test_a_client_looks_for_no_module_that_is_not_there() -> None:
    DashboardClient(ClusterSpec(name="one", kind="local", dashboard="http://127.0.0.1:9"), None)
    assert "sniffio" in sys.modules  # else httpcore looks for it on disk, four times a request


def test_an_answer_leaves_nothing_to_garbage_collection() -> None:
    async def work() -> list[object]:
        async with fake_dashboard() as fake:
            dashboard = client(fake.url)
            await dashboard.identity()
            gc.collect()
            gc.disable()
            for _ in range(5):
                await dashboard.nodes()
            left = [each for each in gc.get_objects() if isinstance(each, httpx.Response)]
            await dashboard.close()
            return left

    try:
        assert asyncio.run(work()) == []
    finally:
        gc.enable()
