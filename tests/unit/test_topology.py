"""A configuration that changes under a running console, on real files, with a clock and a sleep of our own."""

import asyncio
import os
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from console.errors import ConfigError, EmbeddedError
from console.model.cluster import ClusterSpec
from console.services.topology import LOOK_EVERY_S, Topology


def text(*names, extra=""):
    blocks = (f'[[clusters]]\nname = "{name}"\nkind = "local"\ndashboard = "http://{name}:1"\n' for name in names)
    return extra + "".join(blocks)


def embedded(number):
    return ClusterSpec(
        name=f"embedded-{number}", kind="local", dashboard=f"http://127.0.0.1:{9000 + number}", embedded=True
    )


class Desk:
    """One console's surroundings: its folders, the embedded clusters that run, and one step per look."""

    def __init__(self, tmp_path, **environ):
        self.home, self.cwd = tmp_path / "home", tmp_path / "work"
        self.home.mkdir()
        self.cwd.mkdir()
        self.file = self.cwd / "clusters.toml"
        self.environ = {"HOME": str(self.home), **environ}
        self.running = ()
        self.slept_s = []
        self._now = count(1000)

    def topology(self, explicit=None):
        return Topology(
            explicit,
            self.environ,
            self.cwd,
            embedded=self.list_embedded,
            clock=lambda: float(next(self._now)),
            sleep=self.sleep,
        )

    def loaded(self, *configured):
        """Return a topology that has read a file with these clusters, or found none."""
        if configured:
            self.file.write_text(text(*configured))
        topology = self.topology()
        topology.load()
        return topology

    def list_embedded(self):
        if isinstance(self.running, Exception):
            raise self.running
        return self.running

    async def sleep(self, seconds):
        self.slept_s.append(seconds)
        self._looked.set()
        await self._step.wait()
        self._step.clear()

    def follow(self, topology, *steps):
        """Let the topology look once after each step; return what it yielded, None where it kept silent."""
        return asyncio.run(self._follow(topology, steps))

    async def _follow(self, topology, steps):
        self._looked, self._step = asyncio.Event(), asyncio.Event()
        seen = []

        async def listen():
            async for change in topology.changes():
                seen[-1] = change

        listener = asyncio.create_task(listen())
        await self._looked.wait()
        for step in steps:
            if step is not None:
                step()
            seen.append(None)
            self._looked.clear()
            self._step.set()
            await self._looked.wait()
        listener.cancel()
        return seen


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def names(change):
    return [spec.name for spec in change.clusters]


def test_it_begins_with_the_file_and_the_embedded_clusters(desk):
    desk.file.write_text(text("a", "b"))
    desk.running = (embedded(1),)
    topology = desk.topology()
    assert names(topology.load()) == ["a", "b", "embedded-1"]
    assert topology.current.config.path == desk.file
    assert topology.current.faults == ()


def test_a_bad_file_at_the_start_is_an_error(desk):
    desk.file.write_text("x = 1")
    with pytest.raises(ConfigError, match="not a known key"):
        desk.topology().load()


def test_nothing_changed_is_nothing_said(desk):
    topology = desk.loaded("a")
    assert desk.follow(topology, None, None, lambda: os.utime(desk.file), None, None) == [None] * 5
    assert set(desk.slept_s) == {LOOK_EVERY_S}


def test_a_change_is_taken_once_it_stands_still(desk):
    topology = desk.loaded("a")
    first, second, third = desk.follow(topology, lambda: desk.file.write_text(text("a", "b")), None, None)
    assert (first, names(second), third) == (None, ["a", "b"], None)
    assert topology.current is second


def test_a_half_written_file_is_not_believed(desk):
    topology = desk.loaded("a")
    seen = desk.follow(
        topology, lambda: desk.file.write_text(""), lambda: desk.file.write_text(text("a", "c")), None, None
    )
    assert [change and names(change) for change in seen] == [None, None, ["a", "c"], None]


def test_an_editor_that_renames(desk):
    topology = desk.loaded("a")

    def save():
        other = desk.cwd / ".clusters.toml.swp"
        other.write_text(text("b"))
        status = desk.file.stat()
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(desk.file)

    assert names(desk.follow(topology, save, None)[1]) == ["b"]


def test_a_file_that_vanishes_for_a_moment_comes_back_unnoticed(desk):
    topology = desk.loaded("a")
    hidden = desk.cwd / "hidden"
    seen = desk.follow(topology, lambda: desk.file.rename(hidden), None, lambda: hidden.rename(desk.file), None, None)
    assert seen == [None] * 5


def test_two_short_absences_are_not_a_long_one(desk):
    topology = desk.loaded("a")
    hidden = desk.cwd.with_name("unmounted")
    away, back = (lambda: desk.cwd.rename(hidden)), (lambda: hidden.rename(desk.cwd))
    assert desk.follow(topology, away, None, back, away, None, back) == [None] * 6


def test_a_file_that_was_gone_and_is_back_as_it_was(desk):
    topology = desk.loaded("a")
    hidden = desk.cwd.with_name("unmounted")
    seen = desk.follow(topology, lambda: desk.cwd.rename(hidden), None, None, lambda: hidden.rename(desk.cwd), None)
    assert [change is None for change in seen] == [True, True, False, True, False]
    assert seen[4].refused is None


def test_a_place_that_cannot_be_looked_at_is_said_once(desk):
    topology = desk.loaded()
    seen = desk.follow(topology, lambda: desk.environ.update(XDG_CONFIG_HOME="/" + "x" * 300), None, None)
    assert [change is None for change in seen] == [False, True, True]
    assert "cannot be looked at" in seen[0].faults[0].message


def test_another_file_does_not_step_in_while_ours_is_away(desk):
    desk.file.write_text(text("a"))
    elsewhere = desk.home / ".config/raydeck/clusters.toml"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text(text("other"))
    topology = desk.loaded()
    desk.follow(topology, desk.file.unlink, None, None, None, None)
    assert names(topology.current) == ["a"]


def test_a_file_that_stays_away_is_a_fault_and_the_old_one_is_kept(desk):
    topology = desk.loaded("a")
    seen = desk.follow(topology, desk.file.unlink, None, None, None)
    assert [change is None for change in seen] == [True, True, False, True]
    assert names(seen[2]) == ["a"]
    assert "gone" in seen[2].refused.what
    assert [(fault.source, fault.hint) for fault in seen[2].faults] == [("config", "what it said last is kept")]
    back = desk.follow(topology, lambda: desk.file.write_text(text("a")), None, None)
    assert [change is None for change in back] == [True, False, True]
    assert (names(back[1]), back[1].refused, back[1].faults) == (["a"], None, ())


def test_a_refused_change_keeps_the_old_one_and_is_said_once(desk):
    desk.file.write_text(text("a"))
    topology = desk.topology()
    before = topology.load()
    seen = desk.follow(topology, lambda: desk.file.write_text("[consol]"), None, None, None)
    assert [change is None for change in seen] == [True, False, True, True]
    assert (seen[1].config, seen[1].clusters) == (before.config, before.clusters)
    assert seen[1].refused.where == f"{desk.file}: consol"
    (fault,) = seen[1].faults
    assert "consol" in fault.message
    desk.running = (embedded(1),)
    assert desk.follow(topology, None)[0].faults == (fault,)
    mended = desk.follow(topology, lambda: desk.file.write_text(text("a")), None)
    assert (mended[1].refused, mended[1].faults) == (None, ())


def test_a_file_that_appears_later(desk):
    topology = desk.topology()
    assert names(topology.load()) == ["local"]
    seen = desk.follow(topology, lambda: desk.file.write_text(text("a")), None, None)
    assert [change and names(change) for change in seen] == [None, ["a"], None]
    assert seen[1].config.path == desk.file


def test_a_bad_file_that_appears_and_goes_again(desk):
    topology = desk.loaded()
    seen = desk.follow(topology, lambda: desk.file.write_text("x"), None, desk.file.unlink, None)
    assert [change is None for change in seen] == [True, False, False, True]
    assert (names(seen[1]), seen[1].refused is None) == (["local"], False)
    assert (names(seen[2]), seen[2].refused) == (["local"], None)


def test_embedded_clusters_come_and_go(desk):
    topology = desk.loaded("a")

    def start():
        desk.running = (embedded(1), embedded(2))

    def end():
        desk.running = ()

    seen = desk.follow(topology, start, None, end)
    assert [change and names(change) for change in seen] == [["a", "embedded-1", "embedded-2"], None, ["a"]]


def test_a_configured_cluster_keeps_its_name(desk):
    desk.file.write_text(text("embedded-1"))
    desk.running = (embedded(1), embedded(2))
    change = desk.topology().load()
    assert names(change) == ["embedded-1", "embedded-2"]
    assert [spec.embedded for spec in change.clusters] == [False, True]
    (fault,) = change.faults
    assert (fault.source, "embedded-1" in fault.message) == ("embedded", True)


def test_a_broken_state_folder_keeps_what_was_known(desk):
    desk.file.write_text(text("a"))
    desk.running = (embedded(1),)
    topology = desk.loaded()
    desk.running = EmbeddedError("state folder", "cannot be read")
    seen = desk.follow(topology, None, None)
    assert names(seen[0]) == ["a", "embedded-1"]
    assert [fault.message for fault in seen[0].faults] == ["state folder: cannot be read"]
    assert seen[1] is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, ["embedded-1"]),
        ("http://127.0.0.1:8265", ["local", "embedded-1"]),
        ("http://127.0.0.1:9001", ["embedded-1"]),
    ],
)
def test_embedded_clusters_stand_for_the_implicit_one_unless_it_was_pointed_at(tmp_path, address, expected):
    desk = Desk(tmp_path, **({} if address is None else {"RAY_API_SERVER_ADDRESS": address}))
    desk.running = (embedded(1),)
    topology = desk.topology()
    assert names(topology.load()) == expected
    desk.running = ()
    assert names(desk.follow(topology, None)[0]) == ["local"]


def test_an_explicit_file_must_be_there(desk):
    with pytest.raises(ConfigError, match="does not exist"):
        desk.topology(desk.cwd / "missing.toml").load()


def test_a_pipe_is_read_once(desk):
    pipe = desk.cwd / "pipe"
    os.mkfifo(pipe)
    Thread(target=pipe.write_text, args=(text("a"),)).start()
    topology = desk.topology(pipe)
    assert names(topology.load()) == ["a"]
    second = Thread(target=pipe.write_text, args=(text("never-read"),))
    second.start()
    assert desk.follow(topology, lambda: os.utime(pipe), None, None) == [None] * 3
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)):
        second.join()


def test_the_demo_shows_its_own_cluster_unless_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "clusters.toml").write_text('[[clusters]]\nname = "a"\nkind = "local"\ndashboard = "http://h:1"\n')

    def names(explicit: Path | None, environ: dict[str, str]) -> list[str]:
        topology = Topology(explicit, environ | {"HOME": str(tmp_path)}, tmp_path, embedded_soon=True)
        return [spec.name for spec in topology.load().clusters]

    assert names(None, {}) == []
    assert names(tmp_path / "clusters.toml", {}) == ["a"]
    assert names(None, {"RAYDECK_CONFIG": str(tmp_path / "clusters.toml")}) == ["a"]
