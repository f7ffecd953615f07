"""The prober on small servers: rounds of their own, one fault, rest while it is dark, and what a command prints."""

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner

from console.cli.root import raydeck
from console.clients.questions import Place
from console.model.check import Check, ClusterChecks, Ladder, Outcome
from console.model.cluster import State
from console.services.core import Core, Options
from console.services.evidence import Evidence
from console.services.head_facts import HeadWatch
from console.services.path_events import PathEvents
from console.services.scrape import Scraped
from tests.fakes.head import fake_head

PATIENCE_S = 60.0


@asynccontextmanager
async def console(tmp_path, clusters):
    """A core on these clusters (name -> keys of clusters.toml), walked for ever."""
    core = Core(Options(write(tmp_path, clusters), False, {"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path))
    core.load()
    await core.begin()
    core.prober.begin()
    watching = [asyncio.create_task(watch(core, name)) for name in clusters]
    try:
        yield core
    finally:
        for task in watching:
            task.cancel()
        await core.close()


async def watch(core, name):
    async for _ in core.fleet.watch(name):
        pass


def write(tmp_path, clusters):
    rows = []
    for name, keys in clusters.items():
        rows += ["[[clusters]]", f'name = "{name}"', 'kind = "local"', *(f'{key} = "{keys[key]}"' for key in keys)]
    file = tmp_path / "clusters.toml"
    file.write_text("\n".join(rows))
    return file


async def until(condition):
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


def row(core, name):
    return next(snapshot for snapshot in core.fleet.snapshots if snapshot.spec.name == name)


async def test_a_dark_cluster_has_one_fault_and_its_polling_rests_until_it_is_back(tmp_path):
    async with fake_head(time.time) as head, console(tmp_path, {"a": {"dashboard": head.url}}) as core:
        await until(lambda: row(core, "a").state is State.UP)
        head.trouble = "error"
        await until(lambda: row(core, "a").state is State.DOWN and core.fleet.poller("a").is_held)
        head.asked.clear()
        rounds = len(head.asked)
        await until(lambda: len(head.asked) >= rounds + 3)
        assert set(head.asked) == {"/api/version"}
        (fault,) = row(core, "a").faults
        assert (fault.source, fault.message[:13]) == ("dashboard", "HTTP 500: boo")
        assert row(core, "a").tunnel.first_broken == "ray"
        head.trouble = ""
        await until(lambda: row(core, "a").state is State.UP)
        assert row(core, "a").faults == ()
        events = [event.message for event in core.events.recent if event.kind == "path"]
        assert events[0].startswith("dashboard broken at ray: HTTP 500")
        assert events[1] == "dashboard is whole again"
        (ladder,) = core.prober.ladders("a")
        assert (ladder.standing.flaps, ladder.outcome) == (1, Outcome.OK)


async def test_a_walk_that_gets_there_ends_the_rest_of_a_poller_that_had_not(tmp_path):
    """A break that only the poller saw: its own rest grows to half a minute, and the repair is seen by the walk."""
    async with fake_head(time.time) as head, console(tmp_path, {"a": {"dashboard": head.url}}) as core:
        core.prober.rest()
        await until(lambda: row(core, "a").state is State.UP)
        core.fleet.poller("a")._failures = 8
        head.trouble = "error"
        core.fleet.poller("a").refresh()
        await until(lambda: core.fleet.poller("a").last.state is State.DOWN)
        head.trouble = ""
        began = time.monotonic()
        core.prober.begin()
        await until(lambda: row(core, "a").state is State.UP)
        assert time.monotonic() - began < 20


async def test_a_cluster_without_a_tunnel_has_its_targets_judged_too(tmp_path):
    async with fake_head(time.time) as head, console(tmp_path, {"a": {"dashboard": head.url}}) as core:
        await until(lambda: row(core, "a").state is State.UP)
        assert "scrape" not in {check.probe for check in core.prober.checks("a").checks}
        core.prober._scraped_of = lambda _: Scraped("oss", told_at=time.time())
        await until(lambda: core.prober.checks("a").first_broken == "scrape")
        (check,) = [check for check in core.prober.checks("a").checks if check.probe == "scrape"]
        assert (check.service, check.by, check.command) == (None, "prometheus", "raydeck targets")
        assert core.prober.checks("a").ladders[0].outcome is Outcome.OK
        assert row(core, "a").state is State.UP  # Prometheus tells of its targets by itself


async def test_a_hung_cluster_delays_no_other(tmp_path):
    async with fake_head(time.time) as good, fake_head(time.time) as bad:
        bad.trouble = "hang"
        walked = []
        async with console(tmp_path, {"good": {"dashboard": good.url}, "bad": {"dashboard": bad.url}}) as core:
            core.prober.listen(lambda checks: walked.append(checks.cluster))
            await until(lambda: walked.count("bad") >= 2)
            assert walked.count("good") > walked.count("bad")
            assert core.prober.checks("bad").first_broken == "bytes"
            assert core.prober.checks("good").first_broken is None


async def test_two_ways_that_end_at_one_cluster_are_told(tmp_path):
    async with fake_head(time.time) as one, fake_head(time.time) as two:
        two.replies["/api/version"] = one.replies["/api/version"]
        async with console(tmp_path, {"a": {"dashboard": one.url}, "b": {"dashboard": two.url}}) as core:
            await until(lambda: "identity" in {checks.first_broken for checks in core.prober.clusters})
            blamed = next(checks for checks in core.prober.clusters if checks.first_broken == "identity")
            assert row(core, blamed.cluster).state is State.DOWN
            assert blamed.ok == 1


async def test_a_listener_that_went_is_not_called(tmp_path):
    async with fake_head(time.time) as head, console(tmp_path, {"a": {"dashboard": head.url}}) as core:
        heard = []
        end = core.prober.listen(heard.append)
        await until(lambda: heard)
        end()
        heard.clear()
        core.prober.ask_now("a")
        await core.check(["a"])
        assert not heard


async def test_ssh_that_is_not_there_is_a_reason_and_no_fault(tmp_path):
    class NoSsh:
        def __init__(self, path):
            self.gate = path.gate

        async def ask(self, ports):
            return Evidence(asked_at=time.time(), unasked="there is no ssh" if list(ports) else "")

        async def close(self):
            pass

    async with fake_head(time.time) as head:
        file = tmp_path / "clusters.toml"
        file.write_text(
            f'[ssh.vm]\nhost = "vm"\nprivate_ip = "127.0.0.1"\n[[clusters]]\nname = "a"\nkind = "local"\n'
            f'dashboard = "{head.url}"\nserve = "{head.serve_url}"\ntunnel = {{ via = "vm", slot = 1 }}\n'
        )
        core = Core(Options(file, False, {"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path))
        core.load()
        core.prober.vms._make = lambda path, _names: NoSsh(path)
        await core.begin()
        (checks,) = await core.check(["a"])
        await core.close()
    by_ssh = {check.outcome for check in checks.checks if check.by == "ssh" and check.probe != "bytes"}
    assert by_ssh == {Outcome.SKIPPED}
    assert {check.detail for check in checks.checks if check.probe == "vm"} == {"there is no ssh"}
    assert checks.first_broken is None


class SlowSsh:
    """An ssh that takes its time to look at the VM, and fails if it is told to."""

    def __init__(self, path, error=None):
        self.gate, self.error = path.gate, error
        self.looking, self.may_answer = asyncio.Event(), asyncio.Event()
        self.looks = 0

    async def ask(self, _):
        self.looks += 1
        self.looking.set()
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return Evidence(asked_at=time.time(), unasked="there is no ssh")

    async def close(self):
        pass


TUNNELLED = """
[ssh.vm]
host = "vm"
private_ip = "127.0.0.1"

[[clusters]]
name = "{name}"
kind = "local"
dashboard = "{url}"
serve = "{serve}"
tunnel = {{ via = "vm", slot = {slot} }}
"""


@asynccontextmanager
async def prober_with(tmp_path, head, make_vm_watch):
    """A core whose prober walks one cluster behind a VM, with an ssh of our own."""
    file = tmp_path / "clusters.toml"
    file.write_text(TUNNELLED.format(name="a", url=head.url, serve=head.serve_url, slot=1))
    core = Core(Options(file, False, {"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path))
    core.prober.vms._make = make_vm_watch
    core.load()
    await core.begin()
    core.prober.begin()
    try:
        yield core, file
    finally:
        await core.close()


async def test_a_cluster_that_goes_while_ssh_looks_at_its_vm_ends_no_looking(tmp_path):
    made = []

    def make(path, names):
        del names
        made.append(SlowSsh(path))
        return made[-1]

    async with fake_head(time.time) as head, prober_with(tmp_path, head, make) as (core, file):
        await asyncio.wait_for(made[0].looking.wait(), PATIENCE_S)
        file.write_text(TUNNELLED.format(name="b", url=head.url, serve=head.serve_url, slot=2))
        core.topology.load()
        core.prober.take_over(core.topology.current.clusters)
        made[0].may_answer.set()
        await until(lambda: core.prober.checks("b").checked_at is not None)
        core.prober.ask_now("b")
        looks = made[0].looks
        await until(lambda: made[0].looks > looks or core.prober.ask_now("b"))


async def test_an_error_of_our_own_is_a_broken_hop_and_the_walks_go_on(tmp_path, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("quite unforeseen")

    async with fake_head(time.time) as head, console(tmp_path, {"a": {"dashboard": head.url}}) as core:
        await until(lambda: row(core, "a").state is State.UP)
        with monkeypatch.context() as patched:
            patched.setattr(core.prober._walks["a"], "judge", fails)
            await until(lambda: core.prober.checks("a").first_broken == "bytes")
            broken = core.prober.checks("a").broken
            assert "ZeroDivisionError: quite unforeseen" in broken.detail
            assert broken.command == "raydeck check a"
            (asked,) = await core.check(["a"])
            assert asked.first_broken == "bytes"
        await until(lambda: core.prober.checks("a").first_broken is None)


async def test_an_ssh_that_fails_in_ourselves_is_a_reason_and_no_end(tmp_path):
    made = []

    def make(path, names):
        del names
        made.append(SlowSsh(path, RuntimeError("odd bytes")))
        made[-1].may_answer.set()
        return made[-1]

    async with fake_head(time.time) as head, prober_with(tmp_path, head, make) as (core, _):
        await until(lambda: any("odd bytes" in check.detail for check in core.prober.checks("a").checks))
        looks = made[0].looks
        await until(lambda: made[0].looks > looks or core.prober.ask_now("a"))
        assert core.prober.checks("a").first_broken is None


async def test_what_a_walk_found_is_told_before_a_new_head_has_said_who_it_is(tmp_path):
    """A head that answers slowly holds up its own identity, and no verdict on the way to it."""
    told = []
    async with fake_head(time.time) as head:
        environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
        core = Core(Options(write(tmp_path, {"a": {"dashboard": head.url}}), False, environ, tmp_path))
        core.load()
        await core.begin()
        learn = core.prober._walks["a"].learn

        async def slow_learn():
            told.append(core.prober.checks("a"))
            await learn()

        core.prober._walks["a"].learn = slow_learn
        core.prober.begin()
        await until(
            lambda: told and core.prober.checks("a").first_broken is None and _identity(core).detail[:7] == "session"
        )
        await core.close()
    (identity,) = [check for check in told[0].checks if check.probe == "identity"]
    assert (identity.outcome, identity.detail) == (Outcome.UNVERIFIED, "asking who it is")
    assert told[0].ok == 1


async def test_a_new_cluster_without_serve_is_never_told_to_be_broken(tmp_path):
    """Not even before its head has said that nothing is to be served."""
    told = []
    keys = {"serve": f"http://127.0.0.1:{unused_port()}"}
    async with fake_head(time.time) as head, console(tmp_path, {"a": {"dashboard": head.url} | keys}) as core:
        core.prober.listen(told.append)
        await until(lambda: told and served(told[-1]) is Outcome.SKIPPED)
        assert {served(checks) for checks in told} <= {Outcome.UNVERIFIED, Outcome.SKIPPED}
        assert not [event for event in core.events.recent if event.kind == "path"]


async def test_a_silent_serve_is_broken_where_an_application_runs_and_not_while_it_is_deployed(tmp_path):
    keys = {"serve": f"http://127.0.0.1:{unused_port()}"}
    async with fake_head(time.time) as head, console(tmp_path, {"a": {"dashboard": head.url} | keys}) as core:
        applications = head.replies["/api/serve/applications/"]["applications"]
        applications["new"] = {"status": "DEPLOYING"}
        await until(lambda: served(core.prober.checks("a")) is Outcome.SKIPPED)
        applications["new"] = {"status": "RUNNING"}
        core.prober._walks["a"]._head._applications_at = 0.0  # the ten seconds until it is asked again
        await until(lambda: served(core.prober.checks("a")) is Outcome.BROKEN)
        assert core.prober.checks("a").broken.cause == "Serve's proxy is not running, or listens elsewhere"


async def test_without_a_head_nothing_else_is_told_to_be_missing(tmp_path):
    keys = {"dashboard": f"http://127.0.0.1:{unused_port()}", "serve": f"http://127.0.0.1:{unused_port()}"}
    async with console(tmp_path, {"a": keys}) as core:
        await until(lambda: served(core.prober.checks("a")) is Outcome.BROKEN)
        causes = {check.cause for check in core.prober.checks("a").checks if check.outcome is Outcome.BROKEN}
        assert causes == {"its head is not running, or the address is another's"}


async def test_what_was_served_during_an_earlier_silence_explains_no_new_one():
    now, asked = [100.0], []
    head = HeadWatch(lambda: now[0])
    head._ask_applications = lambda *_: asked.append(now[0]) or asyncio.sleep(0)
    place = Place("127.0.0.1", 1)
    head.ask_applications(place, None, 90.0)
    await head.settle()
    head.applications = 1
    now[0] += 5
    head.ask_applications(place, None, 90.0)
    await head.settle()
    assert (asked, head.applications) == ([100.0], 1)
    head.ask_applications(place, None, 104.0)
    await head.settle()
    assert (asked, head.applications) == ([100.0, 105.0], None)


@pytest.mark.parametrize("is_starting", [True, False])
def test_a_head_that_is_being_started_is_no_news_while_it_does_not_answer(is_starting):
    told = []
    check = Check(probe="listener", outcome=Outcome.BROKEN, service="dashboard", detail="nothing listens there")
    ladders = (Ladder("dashboard", (check,)),)
    PathEvents(told.append, time.time).take(ClusterChecks(cluster="a", ladders=ladders, is_starting=is_starting))
    assert bool(told) is not is_starting


async def test_versions_for_ray_client_are_compared_without_a_tunnel_too(tmp_path):
    async with fake_head(time.time) as one, fake_head(time.time) as two:
        two.replies["/api/version"]["ray_version"] = "2.40.0"
        clusters = {name: {"dashboard": head.url, "client": f"{name}:10001"} for name, head in (("a", one), ("b", two))}
        async with console(tmp_path, clusters) as core:
            await until(lambda: "client-version" in {checks.first_broken for checks in core.prober.clusters})
            blamed = next(checks for checks in core.prober.clusters if checks.first_broken == "client-version")
            assert (blamed.ladder("dashboard").outcome, blamed.ladder("client").outcome) == (Outcome.OK, Outcome.BROKEN)
            assert (blamed.ok, blamed.total) == (1, 1)
            bytes_ = next(check for check in blamed.checks if (check.probe, check.service) == ("bytes", "client"))
            assert (bytes_.outcome, bytes_.hop) == (Outcome.SKIPPED, f"{blamed.cluster}:10001")
            await until(lambda: row(core, blamed.cluster).state is State.UP)


def served(checks):
    ladder = checks.ladder("serve")
    return None if ladder is None else ladder.outcome


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _identity(core):
    return next(check for check in core.prober.checks("a").checks if check.probe == "identity")


async def test_the_command_prints_the_ladder_and_exits_by_it(tmp_path):
    async with fake_head(time.time) as good, fake_head(time.time) as bad:
        bad.trouble = "html"
        file = write(tmp_path, {"good": {"dashboard": good.url}, "bad": {"dashboard": bad.url}})
        environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "100"}

        async def call(*words):
            runner = CliRunner()
            arguments = ["--config", str(file), *words]
            return await asyncio.to_thread(runner.invoke, raydeck, arguments, env=environ)

        whole, broken = await call("check", "good"), await call("check", "--json")
        assert (whole.exit_code, broken.exit_code) == (0, 1)
        assert "✓ identity" in whole.output
        document = json.loads(broken.stdout)
        assert [one["name"] for one in document["clusters"]] == ["good", "bad"]
        assert [one["first_broken"] for one in document["clusters"]] == [None, "ray"]
        (found,) = [one for one in document["clusters"][1]["checks"] if one["outcome"] == "broken"]
        assert set(found) == {"probe", "service", "hop", "outcome", "latency_ms", "detail", "hint"}
        assert (found["latency_ms"], found["service"]) == (None, "dashboard")
        text = await call("--ascii", "check")
        assert text.stdout.isascii()
        assert "x ray" in text.stdout
        unknown = await call("check", "nobody")
        assert unknown.exit_code != 0
        assert "Traceback" not in unknown.output
        status = json.loads((await call("status", "--json")).stdout)
        assert [one["tunnel"]["first_broken"] for one in status["clusters"]] == [None, "ray"]
