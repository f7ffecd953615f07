"""What screens ask of the app, and the keys that work anywhere: which screen opens, what is done.

A screen, and what only its opening needs, is imported when it is opened: the start pays for its first screen alone.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path

from console.errors import RaydeckError, ReadOnlyError, UsageError
from console.messages import (
    ClusterAsked,
    CopyAsked,
    ExportAsked,
    LogAsked,
    LogsAsked,
    NodeAsked,
    OutputAsked,
    RerunAsked,
    StopAsked,
    SubmitAsked,
    TargetsAsked,
    TunnelAsked,
    TunnelDownAsked,
    TunnelUpAsked,
    WhyAsked,
)
from console.model.job import Job
from console.model.kept import KeptOutput
from console.screens.clusters import ClustersScreen
from console.screens.telling import Telling
from console.services.files import write_file
from console.widgets.palette import Palette
from console.widgets.themes import other_theme


class Switchboard(Telling):
    """The half of the app that answers: screens post messages and know nothing of each other."""

    def on_submit_asked(self, message: SubmitAsked) -> None:
        """Open the form."""
        if self.core.read_only:
            self.complain(ReadOnlyError("submit"))
            return
        self.attempt(self._open_form(message.clusters), "form")

    async def _open_form(self, clusters: Sequence[str]) -> None:
        from console.screens.choose import ChooseScreen
        from console.screens.submit import SubmitScreen

        bundles = tuple((await asyncio.to_thread(self.core.bundles)).values())
        if len(bundles) == 1:
            sets = await asyncio.to_thread(self.core.parameters.names, bundles[0])
            await self.push_screen(SubmitScreen(clusters, bundles[0], sets))
        else:
            await self.push_screen(ChooseScreen(clusters, bundles))

    def on_log_asked(self, message: LogAsked) -> None:
        """Open the log."""
        from console.screens.log import LogScreen

        self.push_screen(LogScreen(message.job))

    def on_logs_asked(self, message: LogsAsked) -> None:
        """Open several logs as one."""
        from console.screens.merged_log import MergedLogScreen

        self.push_screen(MergedLogScreen(message.jobs))

    def on_stop_asked(self, message: StopAsked) -> None:
        """Ask first, and name the cluster."""
        from console.render.jobs_table import stop_question
        from console.screens.confirm import ConfirmScreen

        if self.core.read_only:
            self.complain(ReadOnlyError("stop"))
            return
        jobs = [job for job in message.jobs if job.submission_id is not None]
        for driver in message.jobs:
            if driver.submission_id is None:
                what = f"{driver.id} was not submitted, so Ray cannot stop it"
                self.complain(UsageError(driver.cluster, what, "end its process on its node"))

        def answered(yes: bool | None) -> None:
            for job in jobs if yes else ():
                self.attempt(self._stop(job), f"stop {job.id}")

        if jobs:
            commands = [shlex.join(("raydeck", *_stop_command(job))) for job in jobs]
            self.push_screen(ConfirmScreen(stop_question(jobs), self.glyphs, commands=commands), answered)

    async def _stop(self, job: Job) -> None:
        from console.services.stop import stop_job

        self.core.refuse_if_read_only("stop")  # it may have become so while the question stood there
        self.did(*_stop_command(job))
        async for step in stop_job(self.core.fleet.dashboard(job.cluster), job):
            self.tell(f"{job.id} on {job.cluster} {step.text}")
        self.core.fleet.poller(job.cluster).refresh()

    def on_why_asked(self, message: WhyAsked) -> None:
        """Open what the head tells of it."""
        from console.screens.why import WhyScreen

        self.push_screen(WhyScreen(message.job))

    def on_rerun_asked(self, message: RerunAsked) -> None:
        """Run the job again and follow it."""
        if self.core.read_only:
            self.complain(ReadOnlyError("rerun"))
            return
        self.attempt(self._rerun(message), f"rerun {message.job.id}")

    async def _rerun(self, message: RerunAsked) -> None:
        from console.services.rerun import rerun

        job = message.job
        again = await rerun(self.core, job)
        self.did("rerun", job.id, "--cluster", job.cluster, said=f"{job.id} runs again as {again.id}")
        self.post_message(LogAsked(again))

    def on_output_asked(self, message: OutputAsked) -> None:
        """Fetch the output unless it is kept, then show it."""
        self.attempt(self._show_output(message), "output")

    async def _show_output(self, message: OutputAsked) -> None:
        from console.screens.plots import PlotsScreen
        from console.services.job_outputs import output_of

        asked_on = self.screen
        kept = await output_of(self.core, message.job)
        if self.screen is not asked_on:  # it may take a minute: whoever went elsewhere meanwhile stays there
            self.tell(f"output of {kept.submission_id} kept: 6 lists it")
            return
        await self.action_mode("results")
        await self.push_screen(PlotsScreen([kept.submission_id]))

    def on_export_asked(self, message: ExportAsked) -> None:
        """Write the files, and say where they are."""
        self.attempt(self._export(message), "export")

    async def _export(self, message: ExportAsked) -> None:
        from console.render.exports import EXPORTS

        for kept in message.kept:
            document = await asyncio.to_thread(self.core.shelf.document, kept)
            stem = self.core.options.cwd / kept.submission_id
            for suffix in EXPORTS:
                await asyncio.to_thread(_write_export, document, kept, stem.with_suffix(suffix))
            said = f"written to {stem}.csv, .json and .svg"
            self.did("results", "export", kept.submission_id, "--to", f"{stem}.csv", said=said)

    def on_tunnel_asked(self, message: TunnelAsked) -> None:
        """Open the ladder."""
        from console.screens.ladder import LadderScreen

        self.push_screen(LadderScreen(message.cluster))

    def on_tunnel_up_asked(self, message: TunnelUpAsked) -> None:
        """Open forwards that live as long as this console."""
        self.attempt(self._tunnel_up(message.cluster), f"tunnel {message.cluster}")

    async def _tunnel_up(self, cluster: str) -> None:
        from console.render.tunnel_texts import opened_words

        tunnel = await self.core.tunnel_up(cluster)
        if tunnel.state == "up":
            self.did("tunnel", "up", cluster, said=opened_words(tunnel))
            return
        raise RaydeckError(cluster, f"forwards {tunnel.state}: {tunnel.reason}", tunnel.hint)

    def on_tunnel_down_asked(self, message: TunnelDownAsked) -> None:
        """Close forwards, whether this console or the background keeps them open."""
        self.attempt(self._tunnel_down(message.cluster), f"tunnel {message.cluster}")

    async def _tunnel_down(self, cluster: str) -> None:
        self.did("tunnel", "down", cluster, said=f"{cluster}: {await self.core.tunnel_down(cluster)}")

    def on_node_asked(self, message: NodeAsked) -> None:
        """Open the node."""
        from console.screens.node import NodeScreen

        self.push_screen(NodeScreen(message.cluster, message.node_id, self.current_mode))

    def on_targets_asked(self, _: TargetsAsked) -> None:
        """Open the scrape targets."""
        from console.screens.targets import TargetsScreen

        self.push_screen(TargetsScreen())

    async def on_cluster_asked(self, message: ClusterAsked) -> None:
        """Go to the cluster."""
        await self.go_to_cluster(message.cluster)

    def on_copy_asked(self, message: CopyAsked) -> None:
        """Copy through the terminal (OSC 52), and show what was copied: not every terminal takes it."""
        self.copy_to_clipboard(message.command_line)
        self.tell(f"copied: {message.command_line}")

    async def action_mode(self, mode: str) -> None:
        """Go to another mode, closing what stands on top of it."""
        clusters = self.screen
        await self.switch_mode(mode)
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if mode == "metrics" and isinstance(clusters, ClustersScreen) and clusters.selected:
            self._show_metrics_of(clusters.selected.spec.name)

    def _show_metrics_of(self, cluster: str) -> None:
        from console.screens.metrics import MetricsScreen

        if isinstance(self.screen, MetricsScreen):
            self.screen.go_to_cluster(cluster)

    def action_command_palette(self) -> None:
        """Open the palette in our looks."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def action_help(self) -> None:
        """Open the help for the screen that is shown."""
        from console.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(getattr(self.screen, "scopes", ("anywhere",))))

    def action_events(self) -> None:
        """Open the list of events."""
        from console.screens.events import EventsScreen

        if not isinstance(self.screen, EventsScreen):
            self.push_screen(EventsScreen())

    def action_refresh_now(self) -> None:
        """Ask every cluster, and walk every path, now."""
        self.core.fleet.refresh()
        for checks in self.core.prober.clusters:
            self.core.prober.ask_now(checks.cluster)

    def action_other_theme(self) -> None:
        """Change between dark and light; without colours there is nothing to change."""
        if not self.ansi_color:
            self.theme = other_theme(self.theme)

    async def go_to_cluster(self, name: str) -> None:
        """Go to the clusters mode, with the cursor on this cluster."""
        await self.action_mode("clusters")
        screen = self.screen
        if isinstance(screen, ClustersScreen):
            screen.main_table.go_to(name)


def _stop_command(job: Job) -> tuple[str, ...]:
    return ("stop", job.id, "--cluster", job.cluster, "--wait")


def _write_export(document: bytes, kept: KeptOutput, path: Path) -> None:
    from console.render.exports import exported

    write_file(path, exported(document, path, kept))
