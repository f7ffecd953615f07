"""Head, footer, titles and fault sentences: whole where there is room, in their order of use where there is not."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.model.cluster import ClusterSnapshot, ClusterSpec, Fault, State
from console.model.event import Event
from console.model.job import Job
from console.render.cells import Pieces
from console.render.fault_lines import fault_lines, most_urgent, no_clusters_lines, topology_lines
from console.render.frame import clock_line, event_line, head_right, key_line, mode_line, rule, state_line
from console.render.glyphs import ASCII, UNICODE
from console.render.jobs_table import job_row, short_message
from console.render.log_title import LogStanding, log_title
from console.render.preflight_line import preflight_line
from console.services.preflight import PreflightCheck

NOW = 1_795_384_800.0
FAILED = "Job entrypoint command failed with exit code"


def text(pieces: Pieces) -> str:
    return "".join(part for part, _ in pieces)


def shot(name: str, state: State = State.UP, *faults: Fault) -> ClusterSnapshot:
    spec = ClusterSpec(name=name, kind="local", dashboard="http://x")
    return ClusterSnapshot(spec=spec, taken_at=NOW, state=state, faults=faults)


def job(**fields: object) -> Job:
    given_fields = {
        "cluster": "local-1", "submission_id": "raysubmit_7KqWmXsTz4bGhY2n", "job_id": "1", "type": "SUBMISSION",
        "status": "RUNNING", "entrypoint": "python x.py", "start_time": NOW - 12, "end_time": None,
    }  # fmt: skip
    return Job(**(given_fields | fields))  # type: ignore[arg-type]


def test_states_are_counted_in_a_fixed_order() -> None:
    shots = [shot("a", State.DOWN), shot("b"), shot("c"), shot("d", State.DEGRADED)]
    assert text(state_line(shots, UNICODE, read_only=False)) == " raydeck   ● 2 up   ◐ 1 degraded   ○ 1 down"
    assert text(state_line([], ASCII, read_only=True)) == " raydeck   read-only"


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (100, "prometheus oss 1 s every 2 s   22:00:00 UTC "),
        (78, "prometheus oss 1 s 22:00:00 UTC "),
        (70, "every 2 s   22:00:00 UTC "),
        (50, "22:00:00 UTC "),
        (10, "22:00:00 UTC "),
    ],
)
def test_the_head_keeps_states_and_time_where_there_is_little_room(width: int, told: str) -> None:
    states = state_line([shot("a"), shot("b", State.DOWN)], UNICODE, read_only=True)
    assert text(head_right(states, (("prometheus oss 1 s ", ""),), clock_line(NOW, UTC, 2.0), width)) == told


def test_the_zone_is_named_once_in_the_head() -> None:
    assert text(clock_line(NOW, UTC, 2.0)) == "every 2 s   22:00:00 UTC "


@pytest.mark.parametrize(("cluster", "shown"), [("a", "a is down"), ("b", "b is down: refused; Ray is not running")])
def test_the_event_line_leaves_out_a_cause_that_a_fault_on_the_same_screen_tells(cluster: str, shown: str) -> None:
    event = Event(NOW, cluster, "", "state", "state", "bad", "is down: refused; Ray is not running")
    told = shot("a", State.DOWN, Fault("tunnel", "dashboard: refused; Ray is not running", "", NOW))
    assert text(event_line(event, UTC, 120, UNICODE, told)).split("  E events")[0].rstrip() == f" 22:00:00 ○ {shown}"
    assert "refused" in text(event_line(event, UTC, 120, UNICODE))


def test_modes_mark_the_present_one() -> None:
    assert ("jobs  ", "accent") in mode_line("jobs")
    assert [tone for _, tone in mode_line("")].count("accent") == 0


@given(st.text(max_size=40), st.integers(0, 200))
def test_a_rule_fills_its_width(title: str, width: int) -> None:
    assert len(text(rule(width, UNICODE, title))) == width


@given(st.lists(st.tuples(st.text("abc", min_size=1, max_size=4), st.text("xyz", max_size=9))), st.integers(0, 120))
def test_keys_stand_whole_or_not_at_all_the_first_ones_first(keys: list[tuple[str, str]], width: int) -> None:
    shown = text(key_line(keys, width))
    assert len(shown) <= width
    assert any(shown == "".join(f" {key} {label}  " for key, label in keys[:count]) for count in range(len(keys) + 1))


@pytest.mark.parametrize("width", [60, 80, 90, 200])
@pytest.mark.parametrize("errors", [0, 12])
def test_the_title_of_a_log_fits_with_what_matters(width: int, errors: int) -> None:
    standing = LogStanding(following=False, new_lines=123, lines=1_234_567, errors=errors)
    shown = text(log_title(job(), standing, NOW, UNICODE, width))
    assert " on local-1  ▶ running 12 s  ○ stays here, 123 new" in shown
    assert (f"{errors} errors" in shown) == bool(errors)
    assert len(shown) <= max(width, 80)
    assert ("raysubmit_7KqWmXsTz4bGhY2n" in shown) == (width == 200)


def test_one_error_is_one_error() -> None:
    assert "  1 error  3 lines" in text(log_title(job(), LogStanding(True, 0, 3, 1), NOW, ASCII))


def test_a_fault_is_a_sentence_and_the_next_line_says_what_to_do() -> None:
    fault = Fault("dashboard", "nothing listens there (connection refused)", "is the head running?", NOW - 245)
    lines = [text(line) for line in fault_lines(shot("local-3", State.DOWN, fault), NOW, UTC, UNICODE)]
    assert lines == [
        " local-3 is down since 21:55:55 (4 m): nothing listens there (connection refused)",
        "         is the head running?",
    ]


@given(st.text(max_size=600), st.text(max_size=200), st.integers(40, 200))
def test_faults_are_wrapped_into_the_width_and_harmless(message: str, hint: str, width: int) -> None:
    lines = fault_lines(shot("local-3", State.DEGRADED, Fault("x", message, hint, NOW)), NOW, UTC, ASCII, width)
    assert 1 <= len(lines) <= 6
    for line in lines:
        assert text(line).isascii()
        assert text(line).isprintable()
        assert len(text(line)) <= width


def test_what_was_swallowed_by_a_carriage_return_is_told() -> None:
    lines = fault_lines(shot("a", State.DOWN, Fault("x", "it broke\rall is well", "", NOW)), NOW, UTC, UNICODE)
    assert "it broke all is well" in text(lines[0])


def test_whose_fault_is_told() -> None:
    fault = Fault("x", "m", "", NOW)
    well, ill, down = shot("a"), shot("b", State.DEGRADED, fault), shot("c", State.DOWN, fault)
    assert most_urgent(ill, (well, ill, down)) is ill
    assert most_urgent(well, (well, ill, down)) is down
    assert most_urgent(well, (well, ill)) is ill
    assert most_urgent(well, (well,)) is None
    assert most_urgent(None, ()) is None


def test_a_fault_of_the_configuration_is_wrapped_too() -> None:
    lines = topology_lines([Fault("config", "word " * 40, "mend it", NOW)], 60, UNICODE)
    assert len(lines) == 4
    assert all(len(text(line)) <= 60 for line in lines)
    assert text(lines[-1]).endswith("mend it")


def test_places_are_named_once() -> None:
    from pathlib import Path  # noqa: PLC0415 -- only here

    place = Path("clusters.toml")
    assert sum("clusters.toml" in text(line) for line in no_clusters_lines([place, place])) == 1


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("", ""),
        ("Job finished successfully.", "Job finished successfully."),
        (f"{FAILED} 137, last available logs:\nTraceback\nKeyError: 'amount'\n", "KeyError: 'amount' (exit code 137)"),
        (f"{FAILED} 3, last available logs:\nno file\nRunning entrypoint for job j: x\n", "no file (exit code 3)"),
        (f"{FAILED} 3, last available logs:\nRunning entrypoint for job j: x\n", "exit code 3"),
        (f"{FAILED} -9", "exit code -9"),
        ("x" * 20_000, "x" * 300),
    ],
)  # fmt: skip
def test_messages_say_the_cause_first(message: str, shown: str) -> None:
    assert short_message(message) == shown


@pytest.mark.parametrize(
    ("fields", "name", "start", "duration"),
    [
        ({}, "x.py", "21:59:48", "12 s"),
        ({"metadata": {"raydeck_job": "parallel_processing"}}, "parallel_processing", "21:59:48", "12 s"),
        ({"entrypoint": "sleep 5"}, "sleep", "21:59:48", "12 s"),
        ({"entrypoint": ""}, "", "21:59:48", "12 s"),
        ({"submission_id": None}, "driver", "21:59:48", "12 s"),
        ({"start_time": None}, "x.py", "—", "—"),
        ({"start_time": NOW - 3, "end_time": NOW - 1.5}, "x.py", "21:59:57", "1.5 s"),
        ({"start_time": NOW - 400_000, "end_time": NOW}, "x.py", "18 Nov", "4 d 15 h"),
    ],
)
def test_job_rows(fields: dict[str, object], name: str, start: str, duration: str) -> None:
    cells = [cell.text for cell in job_row(job(**fields), NOW, UTC, UNICODE).cells]
    assert (cells[3], cells[5], cells[6]) == (name, start, duration)


def test_the_preflight_shows_the_worst_first() -> None:
    ok, bad = PreflightCheck("ok", "6 CPU free, needs 4"), PreflightCheck("refused", "Serve is in use")
    assert text(preflight_line((ok, bad), UNICODE)) == " ✗ Serve is in use · 6 CPU free, needs 4"
    assert text(preflight_line((ok,), ASCII)) == " + 6 CPU free, needs 4"
    assert text(preflight_line((), UNICODE)) == " ? "
    assert cell_len(text(preflight_line((PreflightCheck("unverified", "not known"),), UNICODE))) == 12
