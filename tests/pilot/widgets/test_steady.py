"""A terminal that does not read stops nothing: frames are skipped, then one full repaint follows."""

from __future__ import annotations

import inspect
import io
from queue import Queue
from types import SimpleNamespace

from painted import Painted, until
from textual.app import App, ComposeResult
from textual.drivers import linux_driver
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from console.render.cells import Column, Row, cell
from console.widgets.resource_table import ResourceTable
from console.widgets.steady import Steady


class SteadyApp(Steady[None], Painted):
    def __init__(self) -> None:
        super().__init__()
        self.table = ResourceTable((Column("n", "N", 8),))
        self.queue: Queue[str | None] = Queue(MAX_QUEUED_WRITES)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self._driver._writer_thread = SimpleNamespace(_queue=self.queue)  # type: ignore[union-attr]


async def test_frames_are_skipped_while_the_writer_is_behind_and_one_repaint_follows() -> None:
    app = SteadyApp()
    async with app.run_test(size=(30, 5)) as pilot:
        await pilot.pause()
        for _ in range(4):
            app.queue.put("a frame that the terminal does not take")
        before = app.painted_bytes
        for number in range(50):
            app.table.show({"a": Row((cell(str(number)),))})
            app.bell()
            await pilot.pause()
        assert app.painted_bytes == before
        assert app.queue.qsize() == 4
        assert "49" not in app.lines()[1]
        while not app.queue.empty():
            app.queue.get()
        await until(pilot, lambda: not app.skipping)
        assert "49" in app.lines()[1]
        assert app.shown() == app.repainted()
        repaint = app.painted_bytes - before
        app.table.show({"a": Row((cell("50"),))})
        await pilot.pause()
        assert "50" in app.lines()[1]
        assert app.painted_bytes - before < 2 * repaint


def test_textual_still_has_the_private_names_that_this_uses() -> None:
    assert list(inspect.signature(App._display).parameters) == ["self", "screen", "renderable"]
    queue = WriterThread(io.StringIO())._queue
    assert isinstance(queue, Queue)
    assert queue.maxsize == MAX_QUEUED_WRITES == 30
    assert "_writer_thread" in inspect.getsource(linux_driver.LinuxDriver)
