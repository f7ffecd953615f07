"""Following a job on a small real server: what happens to the job and to the link, told once and in order."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import aclosing

import msgspec
import pytest

from console.clients.dashboard import DashboardClient
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData, LogEvent, Pace, follow
from tests.fakes.cutting_proxy import CuttingProxy
from tests.fakes.log_dashboard import JOB_ID, LogDashboard, last_lines

PACE = Pace(status_s=0.02, busy_s=0.01, idle_s=0.02, retry_first_s=0.01, retry_most_s=0.05)


async def all_events(
    client: DashboardClient,
    on_event: Callable[[LogEvent], None] | None = None,
    lines: int = 1000,
    stall_s: float = 5.0,
) -> list[LogEvent]:
    events = []
    pace = msgspec.structs.replace(PACE, stall_s=stall_s)
    async with asyncio.timeout(120), aclosing(follow(client, JOB_ID, lines=lines, pace=pace)) as following:
        async for event in following:
            events.append(event)
            if on_event:
                on_event(event)
    await client.close()
    return events


class Seen:
    """Takes events and lets a test wait for one of a kind."""

    def __init__(self) -> None:
        self._kinds: defaultdict[type, asyncio.Event] = defaultdict(asyncio.Event)

    def __call__(self, event: LogEvent) -> None:
        self._kinds[type(event)].set()

    async def wait(self, kind: type) -> None:
        async with asyncio.timeout(60):
            await self._kinds[kind].wait()


async def until(condition: Callable[[], object]) -> None:
    give_up_at = asyncio.get_running_loop().time() + 60
    while not condition():
        assert asyncio.get_running_loop().time() < give_up_at, "waited in vain"
        await asyncio.sleep(0.005)


def text_of(events: list[LogEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, LogData))


def kinds(events: list[LogEvent]) -> list[str]:
    """The kinds of events, log data that follows log data left out."""
    names = [type(event).__name__ for event in events]
    return [name for at, name in enumerate(names) if name != "LogData" or names[at - 1 : at] != ["LogData"]]


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %07d of the log\n" % number for number in range(first, last))


async def grow(head: LogDashboard, pieces: list[bytes], pause_s: float = 0.02) -> None:
    for piece in pieces:
        await asyncio.sleep(pause_s)
        head.write(piece)


def test_a_job_from_pending_to_its_end() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.job |= {"status": "PENDING", "driver_node_id": None}
            seen = Seen()
            following = asyncio.create_task(all_events(head.client(), seen))
            await seen.wait(JobSeen)
            head.job |= {"status": "RUNNING", "driver_node_id": "node"}
            asked = head.asked["job"]
            await until(lambda: head.asked["job"] >= asked + 2)  # the second tells that the first has had its answer
            await grow(head, [b"one\ntw", b"o\n", b"thr\xff", b"\nfour"])
            head.end()
            head.write(b" and the rest")
            return await following

    events = asyncio.run(run())
    assert text_of(events) == b"one\ntwo\nthr\xff\nfour and the rest"
    seen = [event.job.status for event in events if isinstance(event, JobSeen)]
    assert seen == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert isinstance(last := events[-1], FollowEnded)
    assert (last.job and last.job.status, last.why) == ("SUCCEEDED", "job succeeded")
    assert not any(isinstance(event, LinkLost | LinkBack) for event in events)


@pytest.mark.parametrize(
    ("status", "message", "why"),
    [("FAILED", "exit code 3\nmore", "job failed: exit code 3"), ("STOPPED", "", "job was stopped")],
)
def test_a_job_that_has_ended_gives_its_last_lines_and_why(status: str, message: str, why: str) -> None:
    async def run() -> tuple[list[LogEvent], list[int]]:
        async with LogDashboard() as head:
            head.write(numbered(0, 100_000))
            head.end(status, message)
            return await all_events(head.client(), lines=10), head.windows

    events, windows = asyncio.run(run())
    assert text_of(events) == numbered(99_990, 100_000)
    assert kinds(events) == ["JobSeen", "LogData", "FollowEnded"]
    assert events[-1].why == why  # type: ignore[union-attr]
    assert sum(windows) < 30_000, "the whole file was read"


@pytest.mark.parametrize("lines", [1, 1000, -1])
@pytest.mark.parametrize(
    "log",
    [
        b"",
        numbered(0, 30),
        numbered(0, 60_000),
        b"x\n" * 400_000,
        numbered(0, 30_000) + b"same\n" * 5000,
        b"\xff\x00" * 9000,
    ],
    ids=["empty", "short", "long", "all the same", "same at the end", "no line end"],
)
def test_what_comes_while_following_comes_once(log: bytes, lines: int) -> None:
    """Growth that is like what was there before cannot be told from it by looking, only by counting."""
    pieces = [
        b"same\n" * 3,
        b"x\n" * 100,
        b"same\n",
        b"",
        b"x\n" * 50_000,
        numbered(0, 2000),
        b"x\n" * 200_000,
        b"the end",
    ]

    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.log = log
            seen = Seen()
            following = asyncio.create_task(all_events(head.client(), seen, lines))
            if log:
                await seen.wait(LogData)
            await grow(head, pieces, 0.04)
            head.end()
            return await following

    events = asyncio.run(run())
    text, added = text_of(events), b"".join(pieces)
    if log:
        assert text == (log if lines < 0 else last_lines(log, lines)) + added
    else:
        assert text
        assert added.endswith(text)
    assert not any(isinstance(event, LinkLost) for event in events)


def test_a_huge_log_of_equal_lines_is_shown_at_once_and_what_differs_is_not_lost() -> None:
    same, asked = b"y" * 59 + b"\n", []

    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.write(same * 400_000)
            seen = Seen()
            following = asyncio.create_task(all_events(head.client(), seen, 10))
            await seen.wait(LogData)
            await grow(head, [same * 5, b"one\n", same * 5 + b"two\n" + same, same], 0.2)
            head.end()
            asked.extend(head.windows)
            return await following

    events = asyncio.run(run())
    assert text_of(events).startswith(same * 10)
    assert text_of(events)[600:].replace(same, b"") == b"one\ntwo\n"
    assert sum(asked) < 12_000_000
    assert isinstance(last := events[-1], FollowEnded)
    assert last.why == "job succeeded; its log repeats itself, repeated lines may be missing"


def test_many_cuts_lose_and_double_nothing() -> None:
    """Resets, clean closes, stalls and truncated ends at seeded places, while the log grows; eight at the same time."""

    async def run(seed: int) -> list[LogEvent]:
        pieces = [b"again\n" * 700 if seed % 3 == 0 else numbered(at * 200, at * 200 + 200) for at in range(100)]
        async with (
            LogDashboard() as head,
            CuttingProxy("127.0.0.1", head.port, seed=seed, cuts=15, mean_bytes=60_000) as proxy,
        ):
            head.write(b"first\n")
            client = head.client(proxy.url, timeout_s=1.0)
            seen = Seen()
            following = asyncio.create_task(all_events(client, seen, lines=-1 if seed % 2 else 1000, stall_s=1.0))
            await seen.wait(LogData)
            await grow(head, pieces, 0.01)
            while proxy.cuts_made < 15:
                await grow(head, [b"still\n"], 0.05)
            head.end()
            events = await following
            assert text_of(events) == head.log
            assert proxy.cuts_made == 15
            await until(lambda: proxy.connections == 0)
            return events

    async def run_all() -> list[list[LogEvent]]:
        return await asyncio.gather(*(run(seed) for seed in range(8)))

    for events in asyncio.run(run_all()):
        links = [event for event in events if isinstance(event, LinkLost | LinkBack)]
        assert links
        assert [type(link) for link in links] == [LinkLost, LinkBack] * (len(links) // 2)
        assert all(link.complete and link.after_s >= 0 for link in links if isinstance(link, LinkBack))


def test_a_long_outage_is_one_mark_and_nothing_reaches_the_head_meanwhile() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head, CuttingProxy("127.0.0.1", head.port) as proxy:
            head.write(numbered(0, 3000))
            seen = Seen()
            following = asyncio.create_task(all_events(head.client(proxy.url), seen))
            await seen.wait(LogData)
            proxy.down = True
            await proxy.cut_all()
            await seen.wait(LinkLost)
            asked, refused = head.asked.total(), proxy.refused
            head.write(numbered(3000, 200_000))
            await until(lambda: proxy.refused > refused + 8)
            assert head.asked.total() == asked
            head.end()
            proxy.mend()
            return await following

    events = asyncio.run(run())
    assert text_of(events) == numbered(2000, 200_000)
    assert kinds(events) == ["JobSeen", "LogData", "LinkLost", "JobSeen", "LinkBack", "LogData", "FollowEnded"]


def test_an_unreachable_head_is_said_once_and_followed_when_it_comes() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head, CuttingProxy("127.0.0.1", head.port) as proxy:
            head.write(b"one\n")
            head.end()
            proxy.down = True
            seen = Seen()
            following = asyncio.create_task(all_events(head.client(proxy.url), seen))
            await seen.wait(LinkLost)
            await until(lambda: proxy.refused > 4)
            proxy.mend()
            return await following

    assert kinds(asyncio.run(run())) == ["LinkLost", "JobSeen", "LinkBack", "LogData", "FollowEnded"]


def ended_by(change: Callable[[LogDashboard], None]) -> list[LogEvent]:
    """Follow a running job, and change the head once its log has come."""

    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.write(b"one\n")
            return await all_events(head.client(), lambda event: change(head) if isinstance(event, LogData) else None)

    return asyncio.run(run())


def test_a_restarted_head_that_does_not_know_the_job_ends_it() -> None:
    events = ended_by(lambda head: setattr(head, "unknown_times", 1_000))
    assert isinstance(last := events[-1], FollowEnded)
    assert last.job is not None
    assert last.why == f"here does not know {JOB_ID} any more: was its head restarted?"


def test_a_head_that_does_not_know_the_job_for_a_moment_ends_nothing() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.write(b"one\n")

            def change(event: LogEvent) -> None:
                if isinstance(event, LogData) and event.data == b"one\n":
                    head.unknown_times = 1
                    head.write(b"two\n")
                    head.end()

            return await all_events(head.client(), change)

    events = asyncio.run(run())
    assert text_of(events) == b"one\ntwo\n"
    assert not any(isinstance(event, LinkLost) for event in events)
    assert isinstance(last := events[-1], FollowEnded)
    assert last.why == "job succeeded"


def test_another_job_with_the_same_id_ends_it() -> None:
    def restart(head: LogDashboard) -> None:
        head.job |= {"start_time": 1_770_000_000_000}
        head.log = b"the log of another job\n"

    events = ended_by(restart)
    assert text_of(events) == b"one\n"
    assert isinstance(last := events[-1], FollowEnded)
    assert "another job has the id" in last.why


@pytest.mark.parametrize(("status", "words"), [(401, "wants a token"), (403, "refuses our token")])
def test_a_token_that_is_refused_ends_it(status: int, words: str) -> None:
    events = ended_by(lambda head: setattr(head, "refuse", status))
    assert isinstance(last := events[-1], FollowEnded)
    assert words in last.why
    assert kinds(events) == ["JobSeen", "LogData", "FollowEnded"]


@pytest.mark.parametrize("status", [404, 502, 503])
def test_a_gateway_error_is_a_lost_link(status: int) -> None:
    """A gateway that lost its route says 404, as Ray does of a job that it does not know; the body tells them apart."""

    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.write(b"one\n")
            seen = Seen()
            following = asyncio.create_task(all_events(head.client(), seen))
            await seen.wait(LogData)
            head.refuse = status
            await seen.wait(LinkLost)
            asked = head.asked.total()
            await until(lambda: head.asked.total() > asked + 8)
            head.write(b"two\n")
            head.end()
            head.refuse = None
            return await following

    events = asyncio.run(run())
    assert kinds(events) == ["JobSeen", "LogData", "LinkLost", "JobSeen", "LinkBack", "LogData", "FollowEnded"]
    assert text_of(events) == b"one\ntwo\n"
    assert f"HTTP {status}" in events[2].reason  # type: ignore[union-attr]


def test_a_gateway_that_fails_once_the_job_has_ended_hides_none_of_its_log() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.write(b"one\n")
            head.end()
            seen = Seen()
            head.refuse_log = 503
            following = asyncio.create_task(all_events(head.client(), seen))
            await seen.wait(LinkLost)
            asked = head.asked["log"]
            await until(lambda: head.asked["log"] > asked + 8)
            head.refuse_log = None
            return await following

    events = asyncio.run(run())
    assert kinds(events) == ["JobSeen", "LinkLost", "LinkBack", "LogData", "FollowEnded"]
    assert text_of(events) == b"one\n"


def test_a_job_that_nobody_knows() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.unknown_times = 1_000
            return await all_events(head.client())

    assert asyncio.run(run()) == [FollowEnded(None, f"here: no job {JOB_ID} (raydeck jobs lists what there is)")]


def test_a_driver_that_was_not_submitted_has_no_log() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.job |= {"type": "DRIVER", "submission_id": None, "job_id": "02000000"}
            return await all_events(head.client())

    assert kinds(asyncio.run(run())) == ["JobSeen", "FollowEnded"]


def test_an_ended_job_whose_log_never_was_ends_with_that() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.log = None
            head.end("FAILED", "runtime env cannot be made")
            return await all_events(head.client())

    events = asyncio.run(run())
    assert kinds(events) == ["JobSeen", "FollowEnded"]
    assert "its log cannot be had: HTTP 500" in events[-1].why  # type: ignore[union-attr]


def test_a_log_that_was_cut_short_is_said_and_read_anew() -> None:
    async def run() -> list[LogEvent]:
        async with LogDashboard() as head:
            head.write(numbered(0, 50))

            def change(event: LogEvent) -> None:
                if isinstance(event, LogData) and event.data.startswith(b"line"):
                    head.log = b"new\n"
                elif isinstance(event, LogData):
                    head.end()

            return await all_events(head.client(), change)

    events = asyncio.run(run())
    assert text_of(events) == numbered(0, 50) + b"new\n"
    back = next(event for event in events if isinstance(event, LinkBack))
    assert not back.complete


def test_a_slow_reader_gets_everything_and_nothing_piles_up() -> None:
    async def run() -> None:
        async with LogDashboard() as head, CuttingProxy("127.0.0.1", head.port) as proxy:
            head.write(numbered(0, 1000) * 1600)
            got = bytearray()
            async with aclosing(follow(head.client(proxy.url), JOB_ID, lines=-1, pace=PACE)) as following:
                async for event in following:
                    got += event.data if isinstance(event, LogData) else b""
                    if len(got) < 700_000:
                        await asyncio.sleep(0.02)
                        assert proxy.carried_bytes - len(got) < 20_000_000, "read ahead of its reader"
                    else:
                        head.end()
            assert bytes(got) == head.log

    asyncio.run(run())


@pytest.mark.parametrize("after", range(6))
def test_cancelled_at_any_moment_it_leaves_nothing(after: int) -> None:
    """The moments are where so many bytes have come, and in every second case a stall right behind them."""

    async def run() -> None:
        async with (
            LogDashboard() as head,
            CuttingProxy("127.0.0.1", head.port, kinds=("stall",), cuts=after % 2, mean_bytes=500) as proxy,
        ):
            head.write(numbered(0, 100_000))
            client = head.client(proxy.url)
            following = asyncio.create_task(all_events(client, lines=-1))
            enough = 0 if not after else 200 if after % 2 else 400_000 * after
            await until(lambda: proxy.carried_bytes >= enough or proxy.cuts_made)
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
            await client.close()
            await until(lambda: proxy.connections == 0)
            left = {str(task.get_coro()) for task in asyncio.all_tasks()}
            assert [name for name in left if "follow" in name or "LogReader" in name] == []

    asyncio.run(run())
