"""The probes: every question about a cluster's path, once, in the order of the contract, and what each failure means.

A remedy has the cause in plain words and fixes, of which ``explained`` takes the first one all of whose ``{words}`` are
known: a command that can be pasted, where to type it, and a note for the reader.
"""

from console.probes.explained import PROBES, explained
from console.probes.probe import Probe

__all__ = ["PROBES", "Probe", "explained"]
