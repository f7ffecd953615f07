"""The log view follows, leaves a reader in peace, finds what is searched, and shows hostile text harmlessly."""

from __future__ import annotations

import random

from painted import Painted, until
from textual.app import ComposeResult
from textual.pilot import Pilot

from console.render.glyphs import ASCII, UNICODE, Glyphs
from console.widgets.log_ring import LogRing
from console.widgets.log_view import LogView
from console.widgets.themes import other_theme, use_themes


class LogApp(Painted):
    def __init__(self, glyphs: Glyphs = UNICODE, ring: LogRing | None = None) -> None:
        super().__init__()
        self.log_view = LogView(ring, glyphs=glyphs)
        self.searched: list[tuple[str, int | None]] = []
        self.changes = 0

    def compose(self) -> ComposeResult:
        yield self.log_view

    def on_mount(self) -> None:
        use_themes(self)

    def on_log_view_searched(self, message: LogView.Searched) -> None:
        self.searched.append((message.what, message.found))

    def on_log_view_changed(self, _: LogView.Changed) -> None:
        self.changes += 1


def numbered(first: int, count: int) -> bytes:
    return b"".join(b"line %05d\n" % number for number in range(first, first + count))


async def fed(pilot: Pilot[None], chunk: bytes) -> list[str]:
    app = pilot.app
    assert isinstance(app, LogApp)
    app.log_view.feed(chunk)
    await framed(pilot)
    return app.lines()


async def framed(pilot: Pilot[None]) -> None:
    """Wait until the frame that is due is painted."""
    app = pilot.app
    assert isinstance(app, LogApp)
    await until(pilot, lambda: not app.log_view._frame_due)


async def searched(pilot: Pilot[None], times: int) -> tuple[str, int | None]:
    """Wait until so many searches have ended; return what the last one found."""
    app = pilot.app
    assert isinstance(app, LogApp)
    await until(pilot, lambda: len(app.searched) >= times)
    return app.searched[-1]


async def test_it_follows() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 6)) as pilot:
        assert (await fed(pilot, numbered(0, 3)))[:4] == [" line 00000", " line 00001", " line 00002", ""]
        assert "line 00099" in (await fed(pilot, numbered(3, 97)))[-1]
        assert "half" in (await fed(pilot, b"half"))[-1]
        assert "half a line" in (await fed(pilot, b" a line"))[-1]
        assert app.changes == 4


async def test_a_reader_is_not_moved_and_told_what_is_new() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 6)) as pilot:
        await fed(pilot, numbered(0, 100))
        await pilot.press("k", "k", "pageup")
        await pilot.pause()
        before = [line[:11] for line in app.lines()]
        assert before[0] == " line 00087"
        after = await fed(pilot, numbered(100, 50))
        assert [line[:11] for line in after] == before
        assert (app.log_view.following, app.log_view.new_lines) == (False, 50)
        await pilot.press("G")
        await pilot.pause()
        assert "line 00149" in app.lines()[-1]
        assert (app.log_view.following, app.log_view.new_lines) == (True, 0)
        await pilot.press("f")
        assert not app.log_view.following
        assert "line 00149" in (await fed(pilot, numbered(150, 5)))[-1]
        await pilot.press("f")
        await pilot.pause()
        assert "line 00154" in app.lines()[-1]


async def test_the_first_line_is_reached_and_left_while_lines_are_wrapped() -> None:
    app = LogApp()
    async with app.run_test(size=(42, 6)) as pilot:
        await fed(pilot, b"".join(b"line %d %s\n" % (number, b"x" * 90) for number in range(20)))
        await pilot.press("w", "g")
        await pilot.pause()
        assert app.lines()[0].startswith(" line 0 x")
        assert app.lines()[3].startswith(" line 1 x")
        assert not app.log_view.following
        await pilot.press("j")
        await pilot.pause()
        assert app.lines()[0].startswith(" line 1 x")
        await pilot.press("k")
        await pilot.pause()
        assert app.lines()[0].startswith(" line 0 x")


async def test_a_short_log_of_long_lines_can_be_read_from_its_top() -> None:
    app = LogApp()
    async with app.run_test(size=(42, 6)) as pilot:
        await fed(pilot, b"".join(b"line %d %s\n" % (number, b"x" * 90) for number in range(4)))
        await pilot.press("w")
        await pilot.pause()
        assert "line 2" in app.lines()[0]
        await pilot.press("g")
        await pilot.pause()
        assert "line 0" in app.lines()[0]
        await pilot.press("G")
        await pilot.pause()
        assert "line 2" in app.lines()[0]
        assert app.log_view.following


async def test_moving_down_to_the_end_follows_again() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 6)) as pilot:
        await fed(pilot, numbered(0, 20))
        await pilot.press("g")
        await pilot.pause()
        assert "line 00000" in app.lines()[0]
        await pilot.press(*["pagedown"] * 3)
        assert app.log_view.following
        await pilot.press("k", "j")
        assert app.log_view.following


async def test_lines_that_fall_out_move_no_reader_but_one_at_the_edge() -> None:
    app = LogApp(ring=LogRing(lines_most=50))
    async with app.run_test(size=(40, 6)) as pilot:
        await fed(pilot, numbered(0, 50))
        await pilot.press("k", "k")
        shown = await fed(pilot, numbered(50, 20))
        assert "line 00047" in shown[-1]
        shown = await fed(pilot, numbered(70, 300))
        assert "line 00320" in shown[0]
        assert len(app.log_view.ring) <= 53


async def test_search_goes_up_then_by_n_and_across_colours() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 8)) as pilot:
        await fed(pilot, b"ne\x1b[31med\x1b[0mle one\n" + numbered(0, 2000) + b"a NEEDLE two\n" + numbered(0, 3))
        app.log_view.search("needle")
        assert await searched(pilot, 1) == ("search", 2001)
        assert any("▌a NEEDLE two" in line for line in app.lines())
        await pilot.press("N")
        assert await searched(pilot, 2) == ("search", 0)
        assert "▌needle one" in app.lines()[0]
        backgrounds = [cell[2] for cell in app.shown()[0][1:7]]
        assert len(set(backgrounds)) == 1
        assert backgrounds[0] != app.shown()[0][8][2]
        await pilot.press("N")
        assert await searched(pilot, 3) == ("search", None)
        await pilot.press("n")
        assert await searched(pilot, 4) == ("search", 2001)
        assert not app.log_view.following


async def test_e_goes_through_the_error_lines() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 6)) as pilot:
        await fed(pilot, b"ERROR first\n" + numbered(0, 50) + b"ValueError: second\n" + numbered(50, 50))
        for wanted in ("ERROR first", "ValueError: second", "ERROR first"):
            await pilot.press("e")
            await pilot.pause()
            assert any(f"▌{wanted}" in line for line in app.lines())
        assert app.searched == [("error", 0), ("error", 51), ("error", 0)]


async def test_wrapping_shows_all_and_sideways_the_rest() -> None:
    app = LogApp()
    async with app.run_test(size=(22, 5)) as pilot:
        await fed(pilot, b"0123456789abcdefghijKLMNOPQRSTuvwxyz\n" + "日本語".encode() * 5 + b"\n")
        assert app.lines()[0] == " 0123456789abcdefghij"
        await pilot.press("l")
        await pilot.pause()
        assert app.lines()[0] == " 89abcdefghijKLMNOPQR"
        await pilot.press("w")
        await pilot.pause()
        assert app.lines()[:2] == [" 0123456789abcdefghij", " KLMNOPQRSTuvwxyz"]
        assert [line.replace(" ", "") for line in app.lines()[2:4]] == ["日本語日本語日本語日", "本語日本語"]


async def test_a_note_is_set_apart_from_what_a_job_writes() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.log_view.note("link lost 14:03:15, back after 3.2 s")
        shown = await fed(pilot, "┄┄ link lost 14:03:15, back after 3.2 s ┄┄\n".encode())
        assert shown[0].strip() == shown[1].strip()
        assert app.shown()[0][5][1] != app.shown()[1][5][1]


async def test_hostile_bytes_reach_no_terminal() -> None:
    rng = random.Random(7)
    evil = [b"\x1bc", b"\x1b]52;c;ZXZpbA==\x07", b"\x9b2J", b"\xc2\x9b2J", b"\x1b[2J", b"\xff\xfe", b"\x1bP",
            b"[@click=app.quit]x[/]", b"\x1b]8;;http://evil\x1b\\", b"\x0e", b"\r", b"\t", b"ok ", b"\n",
            "\u202e".encode()]  # fmt: skip
    app = LogApp()
    written: list[str] = []
    async with app.run_test(size=(60, 12)) as pilot:
        original = app.terminal.draw
        app.terminal.draw = lambda text: (written.append(text), original(text))[1]  # type: ignore[method-assign]
        for _ in range(60):
            app.log_view.feed(b"".join(rng.choices(evil, k=20)))
        shown = await fed(pilot, b"\nthe end\n")
        assert "the end" in shown[-1]
        assert app.is_running
    assert written
    assert all(text.isprintable() for text in written)


async def test_ascii_is_ascii() -> None:
    app = LogApp(ASCII)
    async with app.run_test(size=(60, 12)) as pilot:
        app.log_view.note("link lost")
        shown = await fed(pilot, "日本語 ● \x1b[32m✓ done\x1b[0m\n".encode() * 40)
        await pilot.press("e", "g", "w")
        assert "".join(shown + app.lines()).isascii()


async def test_what_is_written_to_a_file_is_what_came() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.log_view.note("ours")
        await fed(pilot, b"\x1b[31mred\x1b[0m\n\xff\n")
        assert b"".join(app.log_view.lines_as_bytes()) == b"\x1b[31mred\x1b[0m\n\xff\n"


async def test_painted_bit_by_bit_is_as_painted_at_once() -> None:
    rng, app = random.Random(3), LogApp(ring=LogRing(lines_most=200))
    lines = [
        b"plain",
        b"\x1b[31mred\x1b[0m text",
        "日本語 wide".encode(),
        b"ERROR: x",
        b"x" * 90,
        b"bar 1%\rbar 2%",
        b"",
    ]
    async with app.run_test(size=(50, 10)) as pilot:
        app.log_view.search("re")
        for step in range(30):
            for _ in range(rng.randrange(1, 3)):
                match rng.randrange(5):
                    case 0 | 1:
                        app.log_view.feed(b"\n".join(rng.choices(lines, k=rng.randrange(1, 30))))
                    case 2:
                        await pilot.press(
                            *rng.choices(["k", "j", "g", "G", "f", "w", "e", "n", "N", "l", "pageup"], k=2)
                        )
                    case 3:
                        await pilot.resize_terminal(rng.choice([12, 50, 80]), rng.choice([2, 10, 20]))
                    case 4:
                        app.theme = other_theme(app.theme)
            await framed(pilot)
            assert app.shown() == app.repainted(), f"step {step}"
