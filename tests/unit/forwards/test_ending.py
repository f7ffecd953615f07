"""A child that is ended keeps what it had ended with by itself."""

import asyncio
import os
import signal
import sys

import pytest

from console.clients.ending import send


@pytest.fixture
def reaped_by_the_loop():
    """Have the event loop reap children, as it does from Python 3.12 on, and no thread that is always there first."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("not permitted: this system has no pidfd")
    if sys.version_info >= (3, 12):
        yield
        return
    policy = asyncio.get_event_loop_policy()
    before = policy.get_child_watcher()
    policy.set_child_watcher(asyncio.PidfdChildWatcher())
    yield
    policy.set_child_watcher(before)


@pytest.mark.usefixtures("reaped_by_the_loop")
def test_an_exit_status_is_not_lost_by_a_signal_that_came_too_late():
    async def late() -> int:
        # It waits for a line: one that ends by itself may be reaped before the loop comes back to us.
        process = await asyncio.create_subprocess_exec("sh", "-c", "read line; exit 3", stdin=asyncio.subprocess.PIPE)
        process.stdin.write(b"end\n")
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 -- the loop is not to hear
        send(process, signal.SIGKILL)
        return await process.wait()

    assert asyncio.run(late()) == 3


def test_a_child_that_runs_is_ended_and_one_that_was_reaped_is_left_alone():
    async def twice() -> int:
        process = await asyncio.create_subprocess_exec("sleep", "60")
        send(process, signal.SIGTERM)
        status = await process.wait()
        send(process, signal.SIGTERM)
        return status

    assert asyncio.run(twice()) == -signal.SIGTERM
