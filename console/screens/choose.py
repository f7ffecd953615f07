"""Choosing which bundled job to submit, where there are several."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from console.bundles import Bundle
from console.commands import bindings
from console.render.cells import Column, Row, cell
from console.screens.framed import FramedScreen
from console.screens.submit import SubmitScreen
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable

_COLUMNS = (
    Column("job", "JOB", 20, right=False),
    Column("help", "WHAT IT DOES", 30, right=False, flex=True, width_most=120),
)


class ChooseScreen(FramedScreen):
    """A list of the bundled jobs and those of the configured job folders."""

    scopes = ("anywhere",)
    mode = "clusters"
    BINDINGS: ClassVar[list[BindingType]] = bindings("anywhere")

    def __init__(self, clusters: Sequence[str], bundles: Sequence[Bundle]) -> None:
        super().__init__()
        self._clusters = tuple(clusters)
        simplest_first = sorted(bundles, key=lambda bundle: len(bundle.parameters))
        self._bundles = {bundle.name: bundle for bundle in simplest_first}

    def body(self) -> Iterable[Widget]:
        """Return title and list."""
        glyphs = self.deck.glyphs
        yield Lines([((" submit  to  ", "dim"), (" ".join(self._clusters), ""))], classes="title", glyphs=glyphs)
        yield ResourceTable(_COLUMNS, glyphs=glyphs, id="jobs")

    def on_mount(self) -> None:
        """Show the jobs."""
        super().on_mount()
        self.query_one(ResourceTable).show(
            {name: Row((cell(name), cell(bundle.help, "dim"))) for name, bundle in self._bundles.items()}
        )

    def footer_keys(self) -> Sequence[tuple[str, str]]:
        """Return Enter before the keys that work anywhere."""
        return [("Enter", "choose"), ("Esc", "cancel"), *super().footer_keys()]

    async def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open the form of the job under the cursor in place of this list."""
        if event.key is not None:
            bundle = self._bundles[event.key]
            sets = await asyncio.to_thread(self.deck.core.parameters.names, bundle)
            if self.is_current:
                self.app.switch_screen(SubmitScreen(self._clusters, bundle, sets))

    def action_back(self) -> None:
        """Close; nothing was chosen."""
        self.dismiss()
