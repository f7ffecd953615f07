"""Tones: styled when first drawn with, drawn again when focus or theme change what they look like, and only then."""

from __future__ import annotations

from typing import cast

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.strip import Strip

from console.widgets.themes import LIGHT, use_themes
from console.widgets.tones import Toned


class Word(Toned, can_focus=True):
    """Draws one word in one tone, and keeps the colours it was drawn with."""

    DEFAULT_CSS = "Word { height: 1; }"

    def __init__(self, tone: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.tone = tone
        self.drawn: list[str] = []

    def render_line(self, y: int) -> Strip:
        del y
        pen = self.pen(self.tone, cursor=True)
        self.drawn.append(str(pen))
        return Strip([Segment("word".ljust(self.size.width), pen)])


class Words(App[None]):
    AUTO_FOCUS = ""

    def compose(self) -> ComposeResult:
        yield Word("ok", id="first")
        yield Word("dim", id="second")

    def on_load(self) -> None:
        use_themes(cast("App[object]", self))


async def test_what_looks_other_is_drawn_again_and_nothing_else() -> None:
    async with Words().run_test() as pilot:
        first, second = pilot.app.query_one("#first", Word), pilot.app.query_one("#second", Word)
        await pilot.pause()
        plain = first.drawn[-1]
        others = len(second.drawn)
        first.focus()
        await pilot.pause()
        assert first.drawn[-1] != plain  # the cursor is brighter where the keys go
        assert len(second.drawn) == others
        pilot.app.set_focus(None)
        await pilot.pause()
        assert first.drawn[-1] == plain
        pilot.app.theme = LIGHT.name
        await pilot.pause()
        assert first.drawn[-1] != plain
        assert len(second.drawn) > others


async def test_a_tone_is_styled_once_however_often_it_is_drawn() -> None:
    async with Words().run_test() as pilot:
        word = pilot.app.query_one("#first", Word)
        await pilot.pause()
        assert word.pen("ok") is word.pen("ok")
        assert word.pen("ok") != word.pen("bad") != word.pen("")
