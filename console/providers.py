"""The command palette's entries: the commands of the screen that is shown, the clusters, and the modes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from console.commands import Scope, in_scopes

if TYPE_CHECKING:
    from console.app import ConsoleApp


class CommandProvider(Provider):
    """Everything that a key does can be found by its name here."""

    async def discover(self) -> Hits:
        """Yield all entries, for an empty search."""
        for text, run in self._entries():
            yield DiscoveryHit(text, run)

    async def search(self, query: str) -> Hits:
        """Yield the entries that match."""
        matcher = self.matcher(query)
        for text, run in self._entries():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, matcher.highlight(text), run)

    def _entries(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        """Yield one line for each entry, key and meaning, and what it does."""
        app, screen = cast("ConsoleApp", self.app), self.screen
        scopes: tuple[Scope, ...] = getattr(screen, "scopes", ("anywhere",))
        for command in in_scopes(scopes):
            refused = command.changes and app.core.read_only
            if command.action and not refused and command.action != "app.command_palette":
                yield f"{command.shown:<8}{command.meaning}", partial(screen.run_action, command.action)
        for spec in app.core.fleet.specs:
            yield f"{'':<8}cluster {spec.name}", partial(app.go_to_cluster, spec.name)
