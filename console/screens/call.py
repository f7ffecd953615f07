"""Calling a route: method, route, body and headers typed, the answer below, and many calls in one line."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget

from console.clients.http import Reply
from console.commands import bindings
from console.errors import RaydeckError, UsageError
from console.messages import CopyAsked
from console.model.serve import Route
from console.render.answers import latency_line, pretty_body, status_line
from console.screens.framed import FramedScreen
from console.services.call import RouteCall, call_route, checked_data, header_of, repeat_call
from console.services.serve_state import METHODS
from console.widgets.lines import Lines
from console.widgets.text_field import TextField

_FIELDS = ("method", "route", "body", "headers")
_HINTS = {
    "method": "GET, POST, PUT, …",
    "route": "/output?from=0",
    "body": '{"a": 1}',
    "headers": "Accept=text/plain Authorization=env:MY_TOKEN",
}


class CallScreen(FramedScreen):
    """One route of one cluster."""

    CSS_PATH: ClassVar = ["framed.tcss", "call.tcss"]
    scopes = ("call",)
    mode = "serve"
    AUTO_FOCUS: ClassVar[str | None] = "#field-route"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self, cluster: str, route: Route) -> None:
        super().__init__()
        self._cluster, self._route = cluster, route
        self._seconds: list[float | None] = []
        self._repeating = False

    def body(self) -> Iterable[Widget]:
        """Return the title, the fields, and where the answer goes."""
        glyphs = self.deck.glyphs
        title = ((" call  on  ", "dim"), (self._cluster, "accent"))
        yield Lines([title], classes="title", glyphs=glyphs)
        defaults = {"method": self._route.method, "route": self._route.path, "body": "", "headers": ""}
        yield Vertical(*(self._field(name, defaults[name]) for name in _FIELDS), id="call-fields")
        yield Lines([(("   F5 calls it", "dim"),)], id="answer-status", glyphs=glyphs)
        yield Lines(id="answer-latency", glyphs=glyphs)
        yield VerticalScroll(Lines(id="answer-body", grows=True, glyphs=glyphs), id="answer")

    def _field(self, name: str, value: str) -> Horizontal:
        glyphs = self.deck.glyphs
        field = TextField(value, placeholder=glyphs.safe(_HINTS[name]), glyphs=glyphs)
        field.id = f"field-{name}"
        return Horizontal(Lines([((f"   {name}", ""),)], glyphs=glyphs), field, classes="row")

    def on_input_submitted(self) -> None:
        """Call on Enter, too."""
        self.action_send()

    def action_send(self) -> None:
        """Call once."""
        if not self._repeating:
            self._call_once()

    def action_repeat(self) -> None:
        """Call again and again, or end that."""
        if self._repeating:
            self.workers.cancel_group(self, "call")
        else:
            self._call_often()

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        self.post_message(CopyAsked(shlex.join(("raydeck", *self.equivalent_command()))))

    def action_cancel(self) -> None:
        """Go back; what is under way is given up."""
        self.workers.cancel_group(self, "call")
        self.dismiss()

    def wanted(self) -> RouteCall:
        """Return what the fields say; raise UsageError for the first that is wrong."""
        method, route, data, headers = (self.query_one(f"#field-{name}", TextField).value for name in _FIELDS)
        if method.strip().upper() not in METHODS:
            raise UsageError("method", "is none that can be called", ", ".join(METHODS))
        try:
            words = shlex.split(headers)
        except ValueError as error:
            raise UsageError("headers", f"cannot be read: {error}") from error
        pairs = tuple(header_of(word) for word in words)
        return RouteCall(method.strip().upper(), route.strip() or "/", checked_data(data), pairs)

    def equivalent_command(self) -> Sequence[str]:
        """Return ``call METHOD ROUTE --cluster …``; the value of a secret's header is left out."""
        try:
            wanted = self.wanted()
        except UsageError:
            return ("call", "GET", self._route.path, "--cluster", self._cluster)
        words = ["call", wanted.method, wanted.route, "--cluster", self._cluster]
        words += ["--data", wanted.data] if wanted.data else []
        return (*words, *(word for name, value in wanted.shown_headers for word in ("--header", f"{name}={value}")))

    @work(group="call", exclusive=True)
    async def _call_once(self) -> None:
        self._say("calling")
        try:
            await self._show_answer(await call_route(self.deck.core, self._cluster, self.wanted()))
        except RaydeckError as error:
            self._refused(error)

    @work(group="call", exclusive=True)
    async def _call_often(self) -> None:
        self._repeating, self._seconds, last = True, [], None
        try:
            async for called, reply in repeat_call(self.deck.core, self._cluster, self.wanted()):
                if self.gone:
                    return
                self._seconds.append(called.seconds if called.good else None)
                last = reply or last
                self._show_latency()
                if reply is None:
                    self._say(called.trouble, "bad")
                elif len(self._seconds) == 1:
                    await self._show_answer(reply)
        except RaydeckError as error:
            self._refused(error)
        finally:
            self._repeating = False

    def _say(self, words: str, tone: str = "dim") -> None:
        sign = f"{self.deck.glyphs.failed} " if tone == "bad" else ""
        self.query_one("#answer-status", Lines).show([((f"   {sign}{words}", tone),)])

    def _refused(self, error: RaydeckError) -> None:
        if self.gone:
            return
        hint = f" ({error.hint})" if error.hint else ""
        self._say(f"{error.where}: {error.what}{hint}", "bad")
        self.query_one("#answer-body", Lines).show(())

    async def _show_answer(self, reply: Reply) -> None:
        lines, left_out = await asyncio.to_thread(pretty_body, reply.body, reply.content_type)
        if self.gone:
            return
        glyphs = self.deck.glyphs
        status = status_line(reply.http_status, reply.seconds, len(reply.body), reply.content_type, glyphs)
        note = ((f"  {left_out}", "warn"),) if left_out else ()
        self.query_one("#answer-status", Lines).show([(*status, *note)])
        self.query_one("#answer-body", Lines).show([((line, "text"),) for line in lines])

    def _show_latency(self) -> None:
        self.query_one("#answer-latency", Lines).show([latency_line(self._seconds, self.size.width, self.deck.glyphs)])
