"""All probes in the order of the contract, and the words of a failure."""

from __future__ import annotations

from collections.abc import Mapping

from console.model.check import PROBE_NAMES, ProbeName
from console.model.failure import Failure
from console.model.remedy import Explained, filled_in
from console.probes.answers import ANSWER_PROBES
from console.probes.hops import HOP_PROBES

PROBES = (*HOP_PROBES, *ANSWER_PROBES)
_BY_NAME = {probe.name: probe for probe in PROBES}
assert tuple(_BY_NAME) == PROBE_NAMES  # noqa: S101 -- the contract's order is that of the walk


def explained(probe: ProbeName, failure: Failure, words: Mapping[str, str]) -> Explained:
    """Return what a failure of a probe means and asks for, with its words filled in."""
    return filled_in(_BY_NAME[probe].failures[failure], words)
