"""Kept forwards in words: whose they are, and for how long they stay open."""

import pytest

from console.model.forward import Forward, KeptForward, KeptTunnel
from console.render.glyphs import ASCII
from console.render.tunnel_texts import opened_words, report_lines


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ("oo", "local-1: its forwards are open, for as long as this console"),
        ("uu", "local-1: all of its ports were open already, by ssh (pid 7); taken over when that ends"),
        ("uo", "local-1: 1 of its 2 ports were open already, by ssh (pid 7); taken over when that ends"),
    ],
)
def test_what_another_ssh_keeps_open_is_not_promised_for_as_long_as_this_console(states: str, said: str) -> None:
    forward = Forward("dashboard", "127.0.0.1", 8100, "192.168.1.19", 8100)
    kept = {"o": KeptForward(forward, "open"), "u": KeptForward(forward, "used", "ssh (pid 7)")}
    tunnel = KeptTunnel(cluster="local-1", state="up", forwards=tuple(kept[state] for state in states))
    assert opened_words(tunnel) == said


def test_what_was_closed_is_not_told_to_be_waiting_for_anything() -> None:
    closed = KeptTunnel(cluster="local-1", state="closed", reason="no route", hint="ping vm", retry_at=12.0)
    assert report_lines(closed, 10.0, ASCII) == ["local-1: to VM: closed"]
