"""The table paints little and right: what was painted bit by bit is what a full repaint shows."""

from __future__ import annotations

import random

import pytest
from painted import Painted
from textual import events
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from console.render.cells import Cell, Column, Row, cell, unknown
from console.render.glyphs import ASCII, UNICODE, Glyphs
from console.widgets.frugal import FrugalCompositor
from console.widgets.resource_table import ResourceTable
from console.widgets.steady import Steady
from console.widgets.themes import other_theme, use_themes

COLUMNS = (
    Column("state", "", 1, right=False),
    Column("name", "NAME", 8, right=False, flex=True),
    Column("kind", "KIND", 5, right=False, drop=3),
    Column("cpu", "CPU", 6),
    Column("gpu", "GPU", 6, drop=2),
    Column("memory", "MEM", 8, drop=1),
)
NAMES = (
    "cloud-1",
    "local-1",
    "日本語クラスタ",
    "🙂🙂",
    "e\u0301vil\u202e",
    "\x1b[2Jname",
    "a-very-long-name-indeed",
    "",
)
EMPTY = ((("no jobs yet", ""),), (("press ", "dim"), ("s", "accent"), (" to submit one", "dim")))


def row(name: str, cpu: float | None = 1.0, *, stale: bool = False, tone: str = "") -> Row:
    number = unknown(UNICODE) if cpu is None else Cell(((f"{cpu:.0f}", tone), (" %", "dim")), cpu)
    return Row((cell("●", "ok", fresh=True), cell(name), cell("local", "dim"), number, number, cell("1/8 G")), stale)


class FrugalScreen(Screen[None]):
    def __init__(self) -> None:
        super().__init__()
        self._compositor = FrugalCompositor()


class TableApp(Steady[None], Painted):
    def __init__(self, glyphs: Glyphs = UNICODE, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.table = ResourceTable(COLUMNS, glyphs=glyphs)
        self.messages: list[tuple[str, str | None]] = []

    def get_default_screen(self) -> Screen[None]:
        return FrugalScreen()

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        use_themes(self)

    def on_resource_table_moved(self, message: ResourceTable.Moved) -> None:
        self.messages.append((type(message).__name__.lower(), message.key))

    on_resource_table_opened = on_resource_table_moved
    on_resource_table_marked = on_resource_table_moved

    def told(self) -> list[tuple[str, str | None]]:
        messages, self.messages = self.messages, []
        return messages


def rows_of(count: int) -> dict[str, Row]:
    return {f"row-{n:03}": row(f"row-{n:03}", float(n)) for n in range(count)}


def random_rows(rng: random.Random) -> dict[str, Row]:
    keys = [f"k{n}" for n in range(30) if rng.random() < 0.8]
    return {key: row(rng.choice(NAMES), rng.choice([None, rng.random() * 100]), stale=rng.random() < 0.2,
                     tone=rng.choice(["", "warn", "bad"])) for key in keys}  # fmt: skip


def changed_a_little(rows: dict[str, Row], rng: random.Random) -> dict[str, Row]:
    return {key: row(rng.choice(NAMES), rng.random() * 100) if rng.random() < 0.1 else old for key, old in rows.items()}


async def disturb(pilot: Pilot[None], rng: random.Random) -> None:
    """Do one thing that changes what the table shows."""
    app = pilot.app
    assert isinstance(app, TableApp)
    table, needle = app.table, rng.choice(["", "1", "k2", "nothing"])
    match rng.choice(["new", "update", "update", "update", "sort", "filter", "keys", "keys", "size", "theme"]):
        case "new":
            table.show(random_rows(rng))
        case "update":
            table.show(changed_a_little(dict(table.rows_shown.rows), rng))
        case "sort":
            table.sort_by(rng.choice([None, "cpu", "name"]), descending=rng.random() < 0.5)
        case "filter":
            table.set_filter((lambda key, _: needle in key) if needle else None)
        case "keys":
            await pilot.press(*rng.choices(["j", "k", "g", "G", "pagedown", "space", "S"], k=3))
        case "size":
            await pilot.resize_terminal(rng.choice([20, 60, 90]), rng.choice([3, 12, 30]))
        case "theme":
            app.theme = other_theme(app.theme)


@pytest.mark.parametrize("seed", range(4))
async def test_painted_bit_by_bit_is_as_painted_at_once(seed: int) -> None:
    rng = random.Random(seed)
    app = TableApp(rng.choice([UNICODE, ASCII]))
    app.table.empty = EMPTY
    async with app.run_test(size=(60, 12)) as pilot:
        for step in range(40):
            for _ in range(rng.randrange(1, 4)):
                await disturb(pilot, rng)
            await pilot.pause()
            assert app.shown() == app.repainted(), f"step {step}"


async def test_a_change_renders_its_own_lines_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    app = TableApp()
    async with app.run_test(size=(60, 30)) as pilot:
        app.table.show(rows_of(20))
        await pilot.pause()
        rendered: list[int] = []
        real = app.table.render_lines
        monkeypatch.setattr(app.table, "render_lines", lambda crop: (rendered.append(crop.height), real(crop))[1])
        app.table.show(rows_of(20) | {"row-007": row("row-007", 99.0)})
        await pilot.pause()
        assert rendered == [1]
        assert app.shown() == app.repainted()


async def test_keys_move_open_and_mark() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(rows_of(30))
        await pilot.pause()
        app.told()
        await pilot.press("j", "j", "k", "enter", "space", "G", "g", "pagedown", "k")
        await pilot.pause()
        assert app.told() == [
            ("moved", "row-001"), ("moved", "row-002"), ("moved", "row-001"), ("opened", "row-001"),
            ("marked", "row-001"), ("moved", "row-029"), ("moved", "row-000"), ("moved", "row-009"),
            ("moved", "row-008"),
        ]  # fmt: skip
        assert app.table.marked == {"row-001"}


async def test_the_cursor_stays_with_its_row_when_rows_move() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(rows_of(30))
        app.table.go_to("row-005")
        app.table.sort_by("cpu", descending=True)
        await pilot.pause()
        assert app.table.cursor_key == "row-005"
        assert any("▌" in line and "row-005" in line for line in app.lines())
        app.table.show({key: value for key, value in rows_of(30).items() if key != "row-005"})
        await pilot.pause()
        assert app.table.cursor_key == "row-004"


async def test_sorting_goes_through_the_columns_and_puts_the_unknown_last() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show({"a": row("b", 2), "b": row("a", None), "c": row("c", 10)})
        await pilot.press("S")
        assert app.table.rows_shown.keys == ["b", "a", "c"]
        await pilot.press("S", "S")
        assert app.table.rows_shown.keys == ["c", "a", "b"]
        app.table.sort_by("cpu")
        assert app.table.rows_shown.keys == ["a", "c", "b"]
        await pilot.pause()
        assert "CPU▴" in app.lines()[0]
        await pilot.press("S", "S", "S")
        assert app.table.rows_shown.sorted_by is None
        assert app.table.rows_shown.keys == ["a", "b", "c"]


async def test_the_mouse_selects_opens_sorts_and_scrolls() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(rows_of(30))
        await pilot.pause()
        app.told()
        await pilot.click(app.table, offset=(5, 4))
        await pilot.click(app.table, offset=(5, 3), times=2)
        assert [told for told in app.told() if told[0] == "opened"] == [("opened", "row-002")]
        await pilot._post_mouse_events([events.MouseScrollDown], app.table, offset=(5, 5))
        await pilot.pause()
        assert "row-003" in app.lines()[1]
        assert app.table.cursor_key == "row-002"
        await pilot.click(app.table, offset=(6, 0))
        assert app.table.rows_shown.sorted_by == ("name", False)
        await pilot.click(app.table, offset=(6, 0))
        assert app.table.rows_shown.sorted_by == ("name", True)


async def test_narrow_screens_drop_columns_by_priority() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.table.show(rows_of(2))
        await pilot.pause()
        assert app.lines()[0].split() == ["NAME", "KIND", "CPU", "GPU", "MEM"]
        await pilot.resize_terminal(30, 5)
        await pilot.pause()
        assert app.lines()[0].split() == ["NAME", "CPU", "MEM"]


async def test_an_empty_table_teaches() -> None:
    app = TableApp()
    app.table.empty = EMPTY
    async with app.run_test(size=(60, 6)) as pilot:
        await pilot.pause()
        assert app.lines()[1:3] == ["   no jobs yet", "   press s to submit one"]
        app.table.show(rows_of(1))
        await pilot.pause()
        assert "row-000" in app.lines()[1]
        assert app.lines()[2] == ""


async def test_equal_snapshots_paint_nothing_and_one_number_little() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(rows_of(50))
        await pilot.pause()
        before = app.painted_bytes
        app.table.show(rows_of(50))
        await pilot.pause()
        assert app.painted_bytes == before
        app.table.show(rows_of(50) | {"row-003": row("row-003", 76.0)})
        await pilot.pause()
        assert 0 < app.painted_bytes - before < 200  # after a full repaint nothing is known of what stands there
        before = app.painted_bytes
        app.table.show(rows_of(50) | {"row-003": row("row-003", 77.0)})
        await pilot.pause()
        assert 0 < app.painted_bytes - before < 60  # two cells of one sign each
        assert "77 %" in app.lines()[4]


async def test_stale_rows_are_dim_but_for_state_and_age() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.show({"fresh": row("x", 99, tone="bad"), "other": row("x", 99, tone="bad"),
                        "stale": row("x", 99, tone="bad", stale=True)})  # fmt: skip
        await pilot.pause()
        fresh, stale = app.shown()[2], app.shown()[3]
        digits = [x for x, cell_ in enumerate(fresh) if cell_[0] == "9"]
        assert digits
        assert all(fresh[x][1] != stale[x][1] for x in digits)
        assert fresh[1][:2] == stale[1][:2] == ("●", fresh[1][1])


async def test_without_colour_the_cursor_is_reverse_and_has_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = TableApp(ansi_color=True)
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.show(rows_of(3))
        await pilot.pause()
        assert [line[5][4] for line in app.shown()[1:4]] == [True, False, False]
        assert app.lines()[1].startswith("▌")
        assert {colour for line in app.shown() for cell_ in line for colour in cell_[1:3]} <= {"default", ""}


async def test_ascii_is_ascii_whatever_the_names_are() -> None:
    app = TableApp(ASCII)
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.show({name: row(name, 5.0) for name in NAMES} | rows_of(30))
        app.table.sort_by("cpu")
        await pilot.press("space")
        await pilot.pause()
        assert "".join(app.lines()).replace("●", "?").isascii()


def test_the_widget_overrides_nothing_of_textual_by_accident() -> None:
    meant = {"render_line", "notify_style_update", "pen"}
    own = {name for name in vars(ResourceTable) | vars(ResourceTable.__mro__[1]) if not name.startswith("_")}
    assert {name for name in own & set(dir(Widget)) if name not in meant} <= {
        "BINDINGS", "COMPONENT_CLASSES", "DEFAULT_CSS", "can_focus", "can_focus_children",
    }  # fmt: skip
