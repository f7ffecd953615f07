"""Why a job waits or failed: asked of its head when the screen opens, and again with `r`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from console.commands import bindings
from console.errors import RaydeckError
from console.messages import LogAsked, RerunAsked
from console.model.job import Job
from console.render.cells import Pieces
from console.render.why_lines import why_lines, why_title
from console.screens.framed import FramedScreen
from console.services.why import why
from console.widgets.lines import Lines

_REST_S = 1.0  # between two questions: each is four to the head


class WhyScreen(FramedScreen):
    """One job's diagnosis; a pending job is asked about again at each refresh."""

    scopes = ("why", "anywhere")
    mode = "jobs"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._doubtful = asyncio.Event()
        self._told_status = ""

    def body(self) -> Iterable[Widget]:
        """Return the title and the lines."""
        glyphs = self.deck.glyphs
        yield Lines([why_title(self.job, glyphs)], id="why-title", classes="title", glyphs=glyphs)
        asking = (((" ", ""),), ((f"   asking {self.job.cluster}", "dim"),))
        yield VerticalScroll(Lines(asking, id="why", grows=True, glyphs=glyphs))

    def on_mount(self) -> None:
        """Ask from now on."""
        super().on_mount()
        self._doubtful.set()
        self._ask_on()

    def show_fleet(self) -> None:
        """Ask again while the job can change."""
        super().show_fleet()
        snapshots = self.deck.core.fleet.snapshots
        jobs = (job for snapshot in snapshots for job in snapshot.jobs or () if snapshot.spec.name == self.job.cluster)
        self.job = next((job for job in jobs if job.id == self.job.id), self.job)
        self.show_title("why-title", why_title(self.job, self.deck.glyphs))
        if not self.job.ended or self.job.status != self._told_status:
            self._doubtful.set()

    def action_log(self) -> None:
        """Ask for the log."""
        self.post_message(LogAsked(self.job))

    def action_rerun(self) -> None:
        """Ask for the job to be run again."""
        self.post_message(RerunAsked(self.job))

    def action_refresh_now(self) -> None:
        """Ask again, as every cluster is."""
        self._doubtful.set()
        self.deck.action_refresh_now()

    def action_back(self) -> None:
        """Close."""
        self.dismiss()

    def equivalent_command(self) -> Sequence[str]:
        """Return ``logs ID --why``."""
        return ("logs", self.job.id, "--cluster", self.job.cluster, "--why")

    @work(group="why")
    async def _ask_on(self) -> None:
        """Ask whenever something may have changed: one question at a time, each answered to its end."""
        while not self.gone:
            await self._doubtful.wait()
            self._doubtful.clear()
            await self._ask()
            await asyncio.sleep(_REST_S)

    async def _ask(self) -> None:
        self._told_status = self.job.status
        lines: Sequence[Pieces]
        try:
            lines = why_lines(await why(self.deck.core, self.job), self.size.width)
        except RaydeckError as error:
            lines = [((f"   {error}", "bad"),)]
        if not self.gone:
            self.query_one("#why", Lines).show([((" ", ""),), *lines])
