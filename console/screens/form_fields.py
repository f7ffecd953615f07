"""FormFields: the fields of a bundle's parameters, the saved sets they can be filled from, and what they say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from console.bundles import Bundle
from console.errors import ParameterError
from console.render.cells import Pieces
from console.render.glyphs import Glyphs
from console.services.parameter_sets import LAST, ParameterSets
from console.widgets.cluster_checklist import ClusterChecklist
from console.widgets.parameter_field import ParameterField
from console.widgets.set_chooser import SetChooser

_DEFAULTS = "defaults"


class FormFields(Widget):
    """``candidates`` are the clusters that the job could work on, too, with their client addresses.

    ``offered`` are the names of the sets there are.
    """

    class Changed(Message):
        """Something that is submitted is another."""

    def __init__(
        self,
        bundle: Bundle,
        candidates: Mapping[str, str | None],
        sets: ParameterSets,
        offered: tuple[str, ...],
        *,
        glyphs: Glyphs,
    ) -> None:
        super().__init__()
        self._bundle = bundle
        self._addresses = candidates
        self._sets = sets
        self._glyphs = glyphs
        self._offered = offered

    def compose(self) -> ComposeResult:
        """Show the sets if there are any, then a field for each parameter, a checklist for other clusters."""
        yield SetChooser([_DEFAULTS, *map(_shown, self._offered)], glyphs=self._glyphs)
        for parameter in self._bundle.parameters:
            if parameter.type == "clusters":
                yield ClusterChecklist(parameter.label, tuple(self._addresses), glyphs=self._glyphs)
            else:
                yield ParameterField(parameter, glyphs=self._glyphs)

    @property
    def candidates(self) -> tuple[str, ...]:
        """Return the clusters that could be chosen, none for a job on one cluster."""
        return tuple(self._addresses) if self._bundle.others is not None else ()

    @property
    def others(self) -> tuple[str, ...]:
        """Return the chosen other clusters."""
        return tuple(name for checklist in self.query(ClusterChecklist) for name in checklist.chosen)

    @property
    def addresses(self) -> list[str]:
        """Return the client addresses of the chosen clusters that have one."""
        return [address for name in self.others if (address := self._addresses[name]) is not None]

    def document(self) -> dict[str, Any]:
        """Return the parameters as they stand, without other clusters; raise ParameterError for the first wrong one."""
        document = self._bundle.defaults()
        for field in self.query(ParameterField):
            if field.error is not None:
                raise field.error
            field.parameter.write_to(document, field.value)
        self._bundle.check(document)
        return document

    def options(self) -> list[str]:
        """Return ``--with`` and ``--set`` for what differs from the defaults."""
        words = ["--with", ",".join(self.others)] if self.others else []
        for field in self.query(ParameterField):
            parameter = field.parameter
            if field.error is None and field.value != parameter.default:
                values = (field.value, list(field.value)) if parameter.list_path else (field.value,)
                for path, value in zip(parameter.paths, values, strict=True):
                    words += ["--set", f"{path}={json.dumps(value)}"]
        return words

    def show_remarks(self, remarks: Mapping[str, Pieces]) -> None:
        """Show beside each other cluster whether it can work."""
        missing: Pieces = ((f" {self._glyphs.failed} ", "bad"), ("has no client address", "bad"))
        for checklist in self.query(ClusterChecklist):
            checklist.show_remarks(
                {name: remarks.get(name, ()) if address else missing for name, address in self._addresses.items()}
            )

    async def offer_sets(self, filled_in: str) -> None:
        """Offer the sets as they are now; this one is what stands in the fields."""
        self._offered = await asyncio.to_thread(self._sets.names, self._bundle)
        chooser = self.query_one(SetChooser)
        chooser.show([_DEFAULTS, *map(_shown, self._offered)], 1 + self._offered.index(filled_in))

    async def on_set_chooser_recalled(self, event: SetChooser.Recalled) -> None:
        """Fill the fields from a set; one that does not fit any more says so beside nothing changed."""
        event.stop()
        try:
            document = self._bundle.defaults()
            if event.number:
                document = await asyncio.to_thread(self._sets.load, self._bundle, self._offered[event.number - 1])
        except ParameterError as error:
            self.notify(self._glyphs.safe(str(error)), markup=False, severity="error", timeout=8)
            return
        self._fill(document)

    def _fill(self, document: Mapping[str, Any]) -> None:
        for field in self.query(ParameterField):
            field.fill(field.parameter.read_from(document))
        others = self._bundle.others
        if others is not None:
            wanted = others.read_from(document)
            for checklist in self.query(ClusterChecklist):
                checklist.choose([name for name, address in self._addresses.items() if address in wanted])
        self.post_message(self.Changed())

    def on_parameter_field_changed(self, event: ParameterField.Changed) -> None:
        """Pass it on."""
        event.stop()
        self.post_message(self.Changed())

    def on_cluster_checklist_changed(self, event: ClusterChecklist.Changed) -> None:
        """Pass it on."""
        event.stop()
        self.post_message(self.Changed())


def _shown(name: str) -> str:
    return "last submitted" if name == LAST else name
