"""The command palette's entries: the commands of the screen that is shown, the clusters, the modes, the kept logs.

A job that its head has forgotten is in no table any more: the copy of its log is found here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from console.commands import Scope, in_scopes
from console.messages import LogAsked
from console.services.kept_logs import KeptLog

if TYPE_CHECKING:
    from console.app import ConsoleApp


_SHOWN_COPIES = 3


class CommandProvider(Provider):
    """Everything that a key does can be found by its name here."""

    _kept: Sequence[KeptLog] = ()

    async def startup(self) -> None:
        """Look which logs are kept."""
        self._kept = await asyncio.to_thread(cast("ConsoleApp", self.app).core.logs.listed)

    async def discover(self) -> Hits:
        """Yield all entries, for an empty search; of the kept logs the newest."""
        for text, run in (*self._entries(), *islice(self._copies(), _SHOWN_COPIES)):
            yield DiscoveryHit(text, run)

    async def search(self, query: str) -> Hits:
        """Yield the entries that match."""
        matcher = self.matcher(query)
        for text, run in (*self._entries(), *self._copies()):
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

    def _copies(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        """Yield one line for each kept log, and what opens it."""
        app = cast("ConsoleApp", self.app)
        for kept in self._kept:
            when = datetime.fromtimestamp(kept.kept_at, app.zone)
            text = f"kept log {kept.job.id} of {kept.job.cluster}, {kept.job.status.lower()}, {when:%d %b %H:%M}"
            yield f"{'':<8}{app.glyphs.safe(text)}", partial(_open, app, kept)


async def _open(app: ConsoleApp, kept: KeptLog) -> None:
    app.post_message(LogAsked(kept.job))
