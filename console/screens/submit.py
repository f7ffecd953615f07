"""The form that submits a bundled job: built from the bundle's parameters, checked while typing, judged beforehand."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual import events, work
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from console.bundles import Bundle
from console.commands import bindings
from console.errors import ParameterError, RaydeckError
from console.messages import CopyAsked, LogAsked
from console.model.job import Job
from console.model.shipped import Shipped
from console.render.preflight_line import preflight_line
from console.render.shipped import shipped_words
from console.screens.confirm import ConfirmScreen
from console.screens.form_fields import FormFields
from console.screens.framed import FramedScreen
from console.screens.name_set import NameSetScreen
from console.services.orders import Judgement, Order, ask_silent, judge, requests_of, send_all
from console.services.sending import remember_parameters
from console.widgets.cluster_checklist import ClusterChecklist
from console.widgets.lines import Lines
from console.widgets.parameter_field import ParameterField

_WIDE = 110  # cells


class SubmitScreen(FramedScreen):
    """Submits one bundle to one cluster or several. Nothing that was typed is lost when it cannot be sent.

    ``sets`` are the names of the bundle's saved parameters.
    """

    CSS_PATH: ClassVar = ["framed.tcss", "submit.tcss"]
    scopes = ("form",)
    mode = "clusters"
    BINDINGS: ClassVar[list[BindingType]] = bindings("form")

    def __init__(self, clusters: Sequence[str], bundle: Bundle, sets: Sequence[str] = ()) -> None:
        super().__init__()
        self._clusters = tuple(clusters)
        self._bundle = bundle
        self._sets = tuple(sets)
        self._sending = self._left = False
        self._satisfied = True
        self._doubtful = asyncio.Event()
        self._typed = 0  # how often the form was changed: what was judged before is not shown any more

    def body(self) -> Iterable[Widget]:
        """Return the title, the preflight's judgement, and a field for each parameter."""
        glyphs = self.deck.glyphs
        title = ((" submit ", "dim"), (self._bundle.name, "accent"), ("  to  ", "dim"), (" ".join(self._clusters), ""))
        yield Lines([title], classes="title", glyphs=glyphs)
        yield Lines([((" ", ""),)] * len(self._clusters), id="preflight", grows=True, glyphs=glyphs)
        sets = self.deck.core.parameters
        fields = FormFields(self._bundle, self._candidates(), sets, self._sets, glyphs=glyphs)
        yield VerticalScroll(fields, id="fields", can_focus=False)
        yield Lines(id="hint", glyphs=glyphs)

    @property
    def fields(self) -> FormFields:
        """Return the fields."""
        return self.query_one(FormFields)

    def on_mount(self) -> None:
        """Judge the defaults, and from now on whatever changes."""
        super().on_mount()
        self._doubtful.set()
        self._judge_on()

    def on_form_fields_changed(self) -> None:
        """Say at once what is wrong, judge the rest anew."""
        self._typed += 1
        try:
            self._order()
        except ParameterError as error:
            self._show_fault(error)
        else:
            self._doubtful.set()
        self._show_hint()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the help of the field that is typed into, where there is no room for a column of it."""
        del event
        self._show_hint()

    def on_resize(self) -> None:
        """Give the help a column of its own, or one line."""
        super().on_resize()
        self.set_class(self.size.width < _WIDE, "narrow")

    def on_input_submitted(self) -> None:
        """Go to the next field on Enter, as in any form."""
        self.focus_next()

    def action_send(self) -> None:
        """Submit, unless a field is wrong; ask first where the preflight speaks against it."""
        if self._sending:
            return  # one key press too many must not be a second job
        self._sending = True
        self.deck.attempt(self._send_if_good(), "submit")

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        self.post_message(CopyAsked(shlex.join(("raydeck", *self.equivalent_command()))))

    def action_save(self) -> None:
        """Ask for a name and save the parameters under it."""
        if self._sending:
            return  # the form is about to close

        def named(name: str | None) -> None:
            if name:
                self.deck.attempt(self._save(name), "save")

        self.app.push_screen(NameSetScreen(self._bundle.name, self.deck.glyphs), named)

    def action_cancel(self) -> None:
        """Close the form. What is being sent goes on, and what becomes of it is told in passing."""
        self._left = True
        if self._sending:
            self.deck.tell(
                f"{self._bundle.name} to {', '.join(self._clusters)}: what was sent is told when it is known"
            )
        self.dismiss()

    def equivalent_command(self) -> Sequence[str]:
        """Return ``submit …`` with the values that differ from the defaults."""
        targets = [word for name in self._clusters for word in ("--cluster", name)]
        return ["submit", self._bundle.name, *targets, *self.fields.options()]

    def show_fleet(self) -> None:
        """Judge again what was refused or not known: the cluster has told something new."""
        super().show_fleet()
        if not self._satisfied:
            self._doubtful.set()

    def _candidates(self) -> Mapping[str, str | None]:
        """Return the clusters that the job could work on, too, with the addresses that its driver would use."""
        return {spec.name: spec.client for spec in self.deck.core.fleet.specs if spec.name not in self._clusters}

    def _show_hint(self) -> None:
        field = self.focused.parent if self.focused is not None else None
        if isinstance(field, ParameterField):
            self.show_title("hint", ((" " * 3, ""), *field.remark))
        elif isinstance(self.focused, ClusterChecklist):
            self.show_title("hint", ((" " * 2, ""), *self.focused.remark))

    def _order(self) -> Order:
        """Return what the form says; raise ParameterError for the first wrong field."""
        document = self.fields.document()
        return Order(bundle=self._bundle, document=document, targets=self._clusters, others=self.fields.others)

    @work(group="preflight")
    async def _judge_on(self) -> None:
        """Judge whenever there is something new: one question at a time, each answered to its end."""
        while not self.gone:
            await self._doubtful.wait()
            self._doubtful.clear()
            await self._judge()

    async def _judge(self) -> None:
        typed = self._typed
        try:
            judgement = await judge(self.deck.core, self._order(), self.fields.candidates)
        except RaydeckError as error:
            self._show_fault(error)
            return
        if typed == self._typed and not self._sending and not self.gone:
            self._satisfied = judgement.satisfied
            self._show_judgement(judgement)

    def _show_fault(self, error: RaydeckError) -> None:
        if not self._sending and not self.gone:
            fault = ((f" {self.deck.glyphs.failed} ", "bad"), (f"{error.where.rpartition('.')[2]}: {error.what}", ""))
            self.show_title("preflight", fault)

    def _show_judgement(self, judgement: Judgement) -> None:
        glyphs, several = self.deck.glyphs, len(self._clusters) > 1
        lines = [
            (*(((f" {name:<12}", "dim"),) if several else ()), *preflight_line(checks, glyphs))
            for name, checks in judgement.targets.items()
        ]
        self.query_one("#preflight", Lines).show(lines)
        self.fields.show_remarks({name: preflight_line(checks, glyphs) for name, checks in judgement.possible.items()})

    async def _save(self, name: str) -> None:
        await asyncio.to_thread(self.deck.core.parameters.save, self._bundle, name, self._filled_document())
        await self.fields.offer_sets(name)
        self.deck.tell(f"parameters of {self._bundle.name} saved as {name}")

    def _tell_shipped(self, shipped: Shipped) -> None:
        self._show_sending("submitting, " + shipped_words(shipped, self.deck.glyphs))

    def _show_sending(self, words: str) -> None:
        if not self._left and not self.gone:
            self.show_title("preflight", ((f" {self.deck.glyphs.pending} ", "warn"), (words, "")))

    def _filled_document(self) -> dict[str, Any]:
        """Return the document with the chosen clusters' addresses, as ``--params`` takes it."""
        document = self.fields.document()
        if self._bundle.others is not None:
            self._bundle.others.write_to(document, self.fields.addresses)
        return document

    async def _send_if_good(self) -> None:
        core = self.deck.core
        try:
            core.refuse_if_read_only("submit")  # it may have become so while the form was open
            order, document, command = self._order(), self._filled_document(), self.equivalent_command()
            await ask_silent(core, order)
            judgement = await judge(core, order)
        except RaydeckError:
            self._sending = False
            raise
        if self._left:
            return
        against = [*judgement.against, *self._may_be_there()]
        if not against:
            await self._send(order, document, command)
            return

        forced = [*command, *(["--force"] if judgement.against else [])]  # without it the command would refuse

        def answered(yes: bool | None) -> None:
            self._sending = bool(yes)
            if yes:
                self.deck.attempt(self._send(order, document, forced), "submit")

        question = f"submit to {', '.join(self._clusters)} all the same?"
        self.app.push_screen(ConfirmScreen(question, self.deck.glyphs, against), answered)

    def _may_be_there(self) -> list[str]:
        """Return in words what was sent to these clusters before and may have become a job."""
        untold = self.deck.core.untold
        return [f"{name}: {each} may have been started" for name in self._clusters for each in untold.of(name)]

    async def _send(self, order: Order, document: Mapping[str, Any], command: Sequence[str]) -> None:
        """Send, whether or not the form is still there when it is done; ``document`` is what is offered next time."""
        self.deck.did(*command)
        self._show_sending("submitting")
        core = self.deck.core
        try:
            became = await send_all(core, requests_of(core, order, {}, ()), self._tell_shipped)
            if jobs := [job for job in became.values() if isinstance(job, Job)]:
                await remember_parameters(core, self._bundle, document)
        finally:
            self._sending = False
        for error in became.values():
            if isinstance(error, RaydeckError):
                self.deck.complain(error)
        if jobs:
            await self._show_jobs(jobs)
        self._doubtful.set()

    async def _show_jobs(self, jobs: Sequence[Job]) -> None:
        """Close the form, even if one of several clusters refused: sent again, the others would run it twice."""
        closed_by_us = self.is_current
        if closed_by_us:
            self.dismiss()
        if closed_by_us and len(self._clusters) == 1:
            self.deck.post_message(LogAsked(jobs[0]))
            return
        self.deck.tell("submitted " + ", ".join(f"{job.id} to {job.cluster}" for job in jobs))
        if closed_by_us:
            await self.deck.action_mode("jobs")
