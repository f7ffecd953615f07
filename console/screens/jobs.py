"""Jobs mode: all jobs of all clusters, the newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from console.commands import bindings
from console.messages import LogAsked, LogsAsked, OutputAsked, RerunAsked, StopAsked, WhyAsked
from console.model.job import Job
from console.render.cells import Row
from console.render.jobs_table import JOB_COLUMNS, job_key, job_row
from console.screens.tables import TableScreen
from console.widgets.resource_table import ResourceTable


class JobsScreen(TableScreen):
    """While it is shown, the clusters are asked for their jobs at every refresh."""

    scopes = ("job", "table", "anywhere")
    mode = "jobs"
    main_table_id = "jobs"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self) -> None:
        super().__init__()
        self._day: date | None = None
        self._told: tuple[tuple[Job, ...] | None, ...] = ()
        self._jobs: dict[str, Job] = {}
        self._rows: dict[str, Row] = {}  # a row that cannot change is made once, not at every tick
        self._changing: tuple[str, ...] = ()

    def body(self) -> Iterable[Widget]:
        """Return the table and its filter."""
        table = ResourceTable(JOB_COLUMNS, glyphs=self.deck.glyphs, id="jobs")
        table.empty = (
            (("no jobs yet", ""),),
            (),
            (("submit one: ", "dim"), ("1", "accent"), (" clusters, then ", "dim"), ("s", "accent")),
        )
        yield table
        yield self.filter_line()

    def on_screen_resume(self) -> None:
        """Ask for jobs at every refresh from now on, and once at once."""
        self.deck.want_jobs(wanted=True)
        super().on_screen_resume()

    def on_screen_suspend(self) -> None:
        """Ask for jobs slowly again."""
        self.deck.want_jobs(wanted=False)

    def show_fleet(self) -> None:
        """Show the jobs that the clusters told of last; the same lists again cost no more than a tick."""
        super().show_fleet()
        told = tuple(snapshot.jobs for snapshot in self.deck.core.fleet.snapshots)
        today = datetime.fromtimestamp(self.deck.core.clock(), self.deck.zone).date()
        same = len(told) == len(self._told) and all(one is other for one, other in zip(told, self._told, strict=True))
        if same and today == self._day:
            self._show_changing()
            return
        self._take(told, today)

    def _take(self, told: tuple[tuple[Job, ...] | None, ...], today: date) -> None:
        """Show other lists: a row of a job that did not change is kept, unless another day made its start a date."""
        now, zone, glyphs = self.deck.core.clock(), self.deck.zone, self.deck.glyphs
        known_jobs, known_rows = (self._jobs, self._rows) if today == self._day else ({}, {})
        self._told, self._day = told, today
        jobs = sorted((job for some in told for job in some or ()), key=lambda job: -(job.start_time or now))
        self._jobs = {job_key(job): job for job in jobs}
        self._rows = {
            key: known_rows[key]
            if job.ended and (known := known_jobs.get(key)) is not None and (known is job or known == job)
            else job_row(job, now, zone, glyphs)
            for key, job in self._jobs.items()
        }
        self._changing = tuple(key for key, job in self._jobs.items() if not job.ended)
        self.main_table.show(self._rows)
        self.show_keys()

    def _show_changing(self) -> None:
        """Let the durations of jobs that have not ended grow."""
        if not self._changing:
            return
        now, zone, glyphs = self.deck.core.clock(), self.deck.zone, self.deck.glyphs
        self._rows = self._rows | {key: job_row(self._jobs[key], now, zone, glyphs) for key in self._changing}
        self.main_table.show(self._rows)

    def show_time(self) -> None:
        """Let durations grow, and the day pass."""
        super().show_time()
        self.show_fleet()

    def on_resource_table_opened(self) -> None:
        """Open the job's log."""
        self.action_log()

    def action_log(self) -> None:
        """Ask for the logs of the marked jobs as one, else for the log of the job under the cursor."""
        if len(marked := [job for job in self.marked if job.submission_id is not None]) > 1:
            self.post_message(LogsAsked(marked))
        elif (job := self.selected) is not None:
            self.post_message(LogAsked(job))

    def action_output(self) -> None:
        """Ask for the output of the job under the cursor."""
        if (job := self.selected) is not None:
            self.post_message(OutputAsked(job))

    def action_why(self) -> None:
        """Ask why the job under the cursor waits or failed."""
        if (job := self.selected) is not None:
            self.post_message(WhyAsked(job))

    def action_rerun(self) -> None:
        """Ask for the job under the cursor to be run again."""
        if (job := self.selected) is not None:
            self.post_message(RerunAsked(job))

    def action_stop(self) -> None:
        """Ask for the marked jobs that still run to be stopped, else for the one under the cursor."""
        if jobs := [job for job in self.marked if not job.ended] or ([self.selected] if self.selected else []):
            self.post_message(StopAsked(jobs))

    @property
    def selected(self) -> Job | None:
        """Return the job under the cursor."""
        return self._jobs.get(self.main_table.cursor_key or "")

    @property
    def marked(self) -> tuple[Job, ...]:
        """Return the marked jobs, in the order of the table."""
        table = self.main_table
        return tuple(self._jobs[key] for key in table.rows_shown.keys if key in table.marked) if table.marked else ()

    def useless_keys(self) -> Collection[str]:
        """Return what cannot be done: nothing to a driver that was not submitted, no stop of what has ended."""
        job = self.selected
        if job is None:
            return ("l", "o", "x", "R", "p", *(() if self.main_table.rows_shown.rows else ("/",)))
        if job.submission_id is None:
            return ("l", "o", "x", "R")
        return ("x",) if job.ended and all(job.ended for job in self.marked) else ()

    def on_resource_table_moved(self) -> None:
        """Show the keys that work on this job."""
        self.show_keys()

    def equivalent_command(self) -> Sequence[str]:
        """Return ``logs`` of the marked jobs, else of the one under the cursor; ``jobs`` where it has none."""
        jobs = [job for job in self.marked or (self.selected,) if job is not None and job.submission_id is not None]
        if not jobs:
            return ("jobs",)
        clusters = {job.cluster for job in jobs}
        return ("logs", *(job.id for job in jobs), *(("--cluster", *clusters) if len(clusters) == 1 else ()))
