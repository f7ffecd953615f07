"""A ladder in lines: green up to the break, the evidence, the hint, in any width, in ASCII, whatever it is told."""

import pytest
from rich.cells import cell_len

from console.model.check import Check, ClusterChecks, Ladder, Outcome, Standing
from console.render.glyphs import ASCII, UNICODE
from console.render.ladder_lines import cluster_lines, ladder_lines, ladder_title, latency, summary_line
from console.render.text_table import text_lines

NOW = 1_795_384_800.0
LADDER = Ladder(
    "dashboard",
    (
        Check(probe="name", outcome=Outcome.OK, service="dashboard", latency_ms=0.4, detail="ray.oss is 203.0.113.7"),
        Check(probe="gateway", outcome=Outcome.OK, service="dashboard", latency_ms=38.2, detail="accepts, istio-envoy"),
        Check(
            probe="route", outcome=Outcome.BROKEN, service="dashboard", detail="the gateway answers 503",
            cause="the Service answers nothing", hint="on the computer of local-2: docker compose up -d",
            sent="GET /api/version, Host ray.oss", received="HTTP 503", since=NOW - 75,
        ),
        Check(probe="ray", outcome=Outcome.UNVERIFIED, service="dashboard", detail="not reached"),
        Check(probe="listener", outcome=Outcome.OK, service="dashboard", detail="held by sshd", by="ssh"),
        Check(probe="scrape", outcome=Outcome.BROKEN, service="dashboard", detail='down, "EOF"', by="prometheus"),
    ),
    Standing(up_since=None, flaps=2),
)  # fmt: skip
CHECKS = ClusterChecks(cluster="local-2", reach="gateway", ladders=(LADDER,), checked_at=NOW)


def drawn(width=100, glyphs=UNICODE):
    return text_lines(ladder_lines(CHECKS, LADDER, width, glyphs, now=NOW), glyphs)


def test_the_break_stands_out_with_its_evidence_and_what_to_type():
    lines = drawn()
    assert lines[1].startswith("  ✓ name            ray.oss is 203.0.113.7")
    assert lines[1].endswith("1 ms")
    assert lines[3].startswith("  ✗ route           the gateway answers 503")
    assert "since" in lines[3]
    text = "\n".join(lines)
    told = (
        "the Service answers nothing",
        "GET /api/version, Host ray.oss: HTTP 503",
        "ssh says",
        "docker compose up -d",
    )
    places = [text.index(words) for words in told]
    assert places == sorted(places)
    assert "∙ ray" in lines[-1]


@pytest.mark.parametrize("width", [60, 76, 100, 200])
def test_no_line_is_wider_than_it_may_be(width):
    assert all(cell_len(line) <= width for line in drawn(width))


def test_ascii_is_ascii():
    assert "\n".join(drawn(80, ASCII)).isascii()


def test_text_from_outside_is_harmless():
    evil = Check(probe="ray", outcome=Outcome.BROKEN, service="dashboard", detail="\x1b[31m[@click=app.quit]é\n\r\x9b")
    ladder = Ladder("dashboard", (evil,))
    lines = text_lines(ladder_lines(CHECKS, ladder, 80, UNICODE, now=NOW), UNICODE)
    assert all(line.isprintable() for line in lines)


def test_the_report_shows_each_different_break_once():
    same = Ladder("serve", tuple(check for check in LADDER.checks if check.probe == "route"))
    checks = ClusterChecks(cluster="local-2", reach="gateway", ladders=(LADDER, same), checked_at=NOW)
    lines = text_lines(cluster_lines(checks, 100, UNICODE, now=NOW, full=False), UNICODE)
    assert lines[0] == "✗ local-2   0 of 2 services answer"
    assert sum("→" in line for line in lines) == 1


def test_what_is_whole_is_one_line_with_its_latency():
    whole = Ladder("serve", (Check(probe="bytes", outcome=Outcome.OK, service="serve", latency_ms=12.4),))
    assert text_lines([summary_line(whole, UNICODE)], UNICODE) == ["  ✓ serve           12 ms"]
    title = ladder_title(CHECKS, Ladder("serve", (), Standing(up_since=NOW - 7200, flaps=1)), NOW, UNICODE)
    assert "".join(text for text, _ in title) == "local-2 → serve   up 2 h, 1 flap"


def test_latencies_are_short():
    assert [latency(ms) for ms in (None, 0.2, 38.4, 1234.0)] == ["", "1 ms", "38 ms", "1.2 s"]
