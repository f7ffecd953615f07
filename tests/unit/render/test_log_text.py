"""A log on a terminal: whole lines, harmless; one that never ends neither grows nor holds up the others."""

from __future__ import annotations

import time

from console.render.glyphs import ASCII, UNICODE
from console.render.log_text import LogText


def test_lines_arrive_whole_and_harmless_wherever_chunks_cut_them() -> None:
    log = "grün \x1b[31mred\x1b[0m\x1b]0;pwned\x07\nsecond".encode()
    text = LogText(UNICODE, to_terminal=True)
    shown = b"".join(text.of(log[at : at + 1]) for at in range(len(log))) + text.rest()
    assert shown.decode().replace("\x1b[31m", "").replace("\x1b[0m", "") == "grün red\nsecond\n"
    assert LogText(ASCII, to_terminal=True).of(log).isascii()


def test_a_pipe_gets_the_bytes_as_they_are() -> None:
    assert LogText(UNICODE, to_terminal=False).of(b"\x1b]0;x\x07\xff") == b"\x1b]0;x\x07\xff"


def test_a_progress_bar_without_end_stays_small_and_shows_its_last_state() -> None:
    text = LogText(UNICODE, to_terminal=True)
    chunk = b"".join(b"\r%3d %% done" % (n % 100) for n in range(6000))
    began = time.process_time()
    for _ in range(400):  # 26 MB
        assert text.of(chunk) == b""
    assert time.process_time() - began < 5
    assert text.rest() == b" 99 % done\n"
