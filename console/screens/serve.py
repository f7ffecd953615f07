"""Serve mode: what every cluster serves, and how it does; Enter calls a route."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from console.commands import bindings
from console.errors import NotFoundError
from console.model.cluster import State
from console.model.serve import ServeState
from console.render.serve_table import SERVE_COLUMNS, Place, serve_rows
from console.screens.call import CallScreen
from console.screens.tables import TableScreen
from console.services.serve_state import ServeAsker
from console.widgets.resource_table import ResourceTable

REST_S = 5.0  # between two questions to a cluster while this screen is shown


class ServeScreen(TableScreen):
    """While it is shown, every cluster is asked again and again; none waits for another."""

    scopes = ("serve", "table", "anywhere")
    mode = "serve"
    main_table_id = "serving"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self) -> None:
        super().__init__()
        self._asker: ServeAsker | None = None
        self._states: dict[str, ServeState] = {}
        self._places: dict[str, Place] = {}
        self._seen: dict[str, int] = {}

    def body(self) -> Iterable[Widget]:
        """Return the table and its filter."""
        table = ResourceTable(SERVE_COLUMNS, glyphs=self.deck.glyphs, id="serving")
        table.empty = ((("asking the clusters what they serve", "dim"),),)
        yield table
        yield self.filter_line()

    def on_screen_resume(self) -> None:
        """Begin to ask."""
        super().on_screen_resume()
        self._asker = self._asker or ServeAsker(self.deck.core)
        self._ask_all()

    def on_screen_suspend(self) -> None:
        """Ask no more."""
        self.workers.cancel_group(self, "ask")

    @work(group="ask", exclusive=True)
    async def _ask_all(self) -> None:
        while not self.gone:
            names = [spec.name for spec in self.deck.core.fleet.specs]
            self._states = {name: state for name, state in self._states.items() if name in names}
            self.main_table.empty = _EMPTY
            self._show_rows()
            await asyncio.gather(*(self._ask(name) for name in names))
            await asyncio.sleep(max(REST_S, self.deck.core.fleet.refresh_s))

    async def _ask(self, name: str) -> None:
        assert self._asker is not None  # noqa: S101 -- made before anything is asked
        with suppress(NotFoundError):  # the configuration was changed meanwhile
            known = self.deck.core.preflights.known(name)
            if known.state is State.DOWN:  # its poller looks for it, and one that asks is enough
                trouble = known.faults[0].message if known.faults else "is down"
                self._states[name] = ServeState(name, known.spec.serve, trouble=trouble)
            else:
                self._states[name] = await self._asker.ask(name)
            self._show_rows()

    def _show_rows(self) -> None:
        if self.gone:
            return
        order = [spec.name for spec in self.deck.core.fleet.specs]
        states = [self._states.get(name) or ServeState(name, asked=False) for name in order]
        rows = serve_rows(states, self.deck.glyphs)
        self._places = {key: place for key, (place, _) in rows.items()}
        self.main_table.show({key: row for key, (_, row) in rows.items()})
        self.show_keys()

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open the call of the route under the cursor."""
        place = self._places.get(event.key or "")
        if place is not None and place.route is not None:
            self.app.push_screen(CallScreen(place.cluster, place.route))

    def on_resource_table_moved(self) -> None:
        """Show the keys that work on this row."""
        self.show_keys()

    def useless_keys(self) -> Collection[str]:
        """Return Enter where nothing can be called."""
        place = self._places.get(self.main_table.cursor_key or "")
        filters = () if self._places else ("/",)
        return filters if place is not None and place.route is not None else ("Enter", *filters)

    def equivalent_command(self) -> Sequence[str]:
        """Return ``serve``."""
        return ("serve",)


_EMPTY = ((("no clusters", ""),), (("raydeck up starts one on this machine", "dim"),))
