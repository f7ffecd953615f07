"""State changes and threshold crossings: each told once, with hysteresis, and kept in bounded files."""

import json
import stat
from threading import Thread

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from console.__main__ import run
from console.metrics import HYSTERESIS_PERCENT, METRICS
from console.model.cluster import ClusterSnapshot, ClusterSpec, Fault, Gpu, Identity, Node, Sample, State
from console.model.event import Event
from console.services.crossings import Crossings, level_of
from console.services.event_log import FILE, OLDER, EventFeed, EventLog
from console.services.state_folder import StateFolder

SPEC = ClusterSpec(name="a", kind="local", dashboard="http://x")
MEMORY = METRICS["memory_used_bytes"]


def node(name="n1", *, used=10.0, alive=True, gpus=()):
    samples = {
        "memory_used_bytes": Sample(used, 1.0, "dashboard"),
        "memory_total_bytes": Sample(100.0, 1.0, "dashboard"),
    }
    return Node(name, f"ip-{name}", name, "worker", alive, samples, gpus)


def snapshot(*nodes, state=State.UP, faults=(), at=1000.0):
    return ClusterSnapshot(
        spec=SPEC, taken_at=at, state=state, identity=Identity("2.60.0", "s"), nodes=nodes or (node(),), faults=faults
    )


def polled(snapshots):
    """Return them as polls that follow each other."""
    return [msgspec.structs.replace(one, taken_at=1000.0 + at) for at, one in enumerate(snapshots)]


def told(*snapshots):
    return told_as_they_are(*polled(snapshots))


def told_as_they_are(*snapshots):
    crossings = Crossings()
    return [[(e.kind, e.level, e.message) for e in crossings.observe(one)] for one in snapshots]


def test_a_healthy_cluster_is_no_news():
    assert told(*[snapshot()] * 4) == [[]] * 4


def test_a_state_is_told_once_it_stands_and_why():
    down = snapshot(state=State.DOWN, faults=(Fault("dashboard", "refused", "", 1.0),))
    assert told(snapshot(), snapshot(), down, down, down, snapshot(), snapshot()) == [
        [], [], [], [("state", "bad", "is down: refused")], [], [], [("state", "ok", "is up")],
    ]  # fmt: skip


def test_a_state_that_flickers_is_not_told():
    up, down = snapshot(), snapshot(state=State.DOWN)
    assert told(up, up, *[down, up] * 5) == [[]] * 12


def test_a_cluster_that_is_down_from_the_start_is_told():
    down = snapshot(state=State.DOWN)
    assert told(down, down)[1] == [("state", "bad", "is down")]


def test_nodes_that_join_die_and_go():
    both = snapshot(node(), node("n2"))
    dead = snapshot(node(), node("n2", alive=False))
    assert told(snapshot(), both, both, dead, dead, snapshot()) == [
        [], [("node", "ok", "worker node ip-n2 joined")], [], [("node", "bad", "worker node ip-n2 died")], [], [],
    ]  # fmt: skip
    assert told(both, snapshot())[1] == [("node", "warn", "node ip-n2 is gone")]


def test_thresholds_with_hysteresis():
    seen = told(*(snapshot(node(used=used)) for used in (79, 80, 79, 76, 74.9, 92.5, 91, 88, 86.9, 10)))
    assert [[level for _, level, _ in events] for events in seen] == [
        [], ["warn"], [], [], ["ok"], ["bad"], [], [], ["warn"], ["ok"],
    ]  # fmt: skip
    assert seen[1] == [("threshold", "warn", "memory used is at 80 % (threshold 80 %)")]


def test_each_gpu_has_its_own_memory():
    gpus = tuple(Gpu(n, f"GPU-{n}", "x", 0.0, used, 100.0) for n, used in enumerate((10.0, 96.0)))
    assert told(snapshot(node(gpus=gpus)))[0] == [
        ("threshold", "bad", "GPU memory used of GPU GPU-1 is at 96 % (threshold 95 %)")
    ]


def test_a_fault_of_prometheus_and_its_end_are_told_once():
    bad = snapshot(state=State.DEGRADED, faults=(Fault("prometheus", "no answer", "", 1.0),))
    seen = told(snapshot(), snapshot(), bad, bad, snapshot(), bad, snapshot(), snapshot())
    faults = [message for events in seen for kind, _, message in events if kind == "fault"]
    assert faults == ["no answer", "over: no answer"]


def test_a_fault_whose_words_change_is_one_event():
    def apart(percent):
        words = f"10.0.0.1 CPU: Prometheus {percent} %, dashboard 9 %"
        return snapshot(state=State.DEGRADED, faults=(Fault("prometheus", words, "", 1.0, "apart n1 cpu"),))

    seen = told(snapshot(), *(apart(percent) for percent in range(40, 60)), snapshot(), snapshot())
    assert [message for events in seen for kind, _, message in events if kind == "fault"] == [
        "10.0.0.1 CPU: Prometheus 40 %, dashboard 9 %", "over: 10.0.0.1 CPU: Prometheus 59 %, dashboard 9 %",
    ]  # fmt: skip


def test_newer_figures_find_out_no_state():
    up, down = snapshot(), snapshot(state=State.DOWN, at=1002.0)
    assert told_as_they_are(up, *[down] * 10) == [[]] * 11
    again = snapshot(state=State.DOWN, at=1004.0)
    assert told_as_they_are(up, down, down, again)[-1] == [("state", "bad", "is down")]


def test_a_cluster_to_which_no_way_leads_is_told_though_its_polling_rests():
    dark = [msgspec.structs.replace(snapshot(state=State.DOWN), dark_at=1001.0 + walk) for walk in (0, 0, 1.4)]
    assert told_as_they_are(snapshot(), *dark)[1:] == [[], [], [("state", "bad", "is down")]]


def test_what_was_told_in_an_earlier_run_is_not_told_again_however_often_figures_come(tmp_path):
    def seen(*snapshots):
        heard = []
        feed = EventFeed(EventLog(StateFolder(tmp_path)))
        feed.listen(heard.append)
        for one in snapshots:
            feed.observe(one)
        return [event.message for event in heard]

    first, second = (snapshot(state=State.DOWN, at=at) for at in (1000.0, 1002.0))
    assert seen(first, second) == ["is down"]
    assert seen(*[first] * 5, second) == []


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_a_level_is_never_told_too_low_and_too_high_only_within_the_hysteresis(values):
    level = "ok"
    for value in values:
        level = level_of(MEMORY, value, level)
        assert level == "bad" or value < MEMORY.bad_percent
        assert level != "ok" or value < MEMORY.warn_percent
        assert level != "bad" or value >= MEMORY.bad_percent - HYSTERESIS_PERCENT
        assert level == "ok" or value >= MEMORY.warn_percent - HYSTERESIS_PERCENT


@given(st.floats(75.0, 79.99), st.floats(80.0, 86.9))
def test_a_figure_that_flickers_around_a_threshold_is_told_once(low, high):
    level, changes = "ok", 0
    for value in [low, high] * 10:
        before, level = level, level_of(MEMORY, value, level)
        changes += level != before
    assert changes == 1


def event(at, message="m", **more):
    return Event(
        at, more.get("cluster", "a"), "", "state", more.get("subject", "state"), more.get("level", "bad"), message
    )


def test_events_are_kept_private_in_order_and_since(tmp_path):
    log = EventLog(StateFolder(tmp_path / "raydeck"))
    log.append([event(5), event(50, level="ok")])
    log.append([event(100, "third \x1b[31m")])
    assert [e.at for e in log.read()] == [5, 50, 100]
    assert [e.message for e in log.read(60)] == ["third \x1b[31m"]
    assert stat.S_IMODE((tmp_path / "raydeck" / FILE).stat().st_mode) == 0o600


def test_what_two_consoles_saw_is_one_event(tmp_path):
    log = EventLog(StateFolder(tmp_path))
    log.append([event(5)])
    log.append([event(6), event(7, level="ok"), event(100)])
    assert [e.at for e in log.read()] == [5, 7, 100]


def test_the_files_are_bounded_and_damage_is_left_out(tmp_path):
    log = EventLog(StateFolder(tmp_path), most_bytes=2000)
    for at in range(0, 100_000, 100):
        log.append([event(at)])
    assert (tmp_path / FILE).stat().st_size + (tmp_path / OLDER).stat().st_size < 4500
    kept = log.read()
    assert kept[-1].at == 99_900
    (tmp_path / FILE).write_bytes(b'{"at": 1\n\xff\xfe\n' + msgspec.json.encode(event(200_000)) + b"\n")
    assert log.read()[-1].at == 200_000


def test_several_writers_never_mix_their_lines(tmp_path):
    def write(cluster):
        log = EventLog(StateFolder(tmp_path))
        for at in range(100):
            log.append([event(at * 100, "x" * 200, cluster=cluster)])

    threads = [Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(EventLog(StateFolder(tmp_path)).read()) == 400


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path):
    (tmp_path / "file").write_text("")
    EventLog(StateFolder(tmp_path / "file" / "raydeck")).append([event(1)])


def test_the_feed_tells_keeps_and_takes_up_what_was_kept(tmp_path):
    heard = []
    feed = EventFeed(EventLog(StateFolder(tmp_path)))
    feed.listen(heard.append)
    for one in polled([snapshot(state=State.DOWN)] * 3):
        feed.observe(one)
    assert [e.message for e in heard] == ["is down"]
    later = EventFeed(EventLog(StateFolder(tmp_path)))
    assert later.recent == feed.recent == tuple(heard)


def test_what_was_told_in_an_earlier_run_is_not_told_again_but_what_changes_is(tmp_path):
    def seen(*snapshots):
        heard = []
        feed = EventFeed(EventLog(StateFolder(tmp_path)))
        feed.listen(heard.append)
        for one in polled(snapshots):
            feed.observe(one)
        return [(event.kind, event.level) for event in heard]

    bad = snapshot(node(used=95), state=State.DOWN)
    assert seen(bad, bad) == [("threshold", "bad"), ("state", "bad")]
    assert seen(bad, bad, bad) == []
    assert seen(bad, bad, snapshot(), snapshot()) == [("threshold", "ok"), ("state", "ok")]
    assert seen(snapshot(), snapshot(), bad, bad) == [("threshold", "bad"), ("state", "bad")]


def test_the_command_line_tells_what_was_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    EventLog(StateFolder(tmp_path / "raydeck")).append(
        [event(1e9, "is down: \x1b[31mrefused"), event(2e9, "is up", level="ok")]
    )
    assert run(["events", "--since", "2010-01-01T00:00+00:00", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "events": [
            {"at": "2033-05-18T03:33:20.000+00:00", "cluster": "a", "node": None, "kind": "state", "subject": "state",
             "level": "ok", "message": "is up"}
        ]
    }  # fmt: skip
    assert run(["--ascii", "events"]) == 0
    told = capsys.readouterr().out
    assert "is down: " in told
    assert told.isascii()
    assert "\x1b" not in told
    assert run(["events", "--since", "soon"]) == 2
