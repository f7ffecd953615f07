"""Bundles: packaged jobs, ``<name>.py`` with ``<name>.toml`` beside it, ours and the operators' own alike."""

from console.bundles.bundle import Bundle, Needs, Output
from console.bundles.document import parse_assignment, set_value
from console.bundles.finding import bundled_folder, find_bundles
from console.bundles.parameter import Parameter

__all__ = [
    "Bundle",
    "Needs",
    "Output",
    "Parameter",
    "bundled_folder",
    "find_bundles",
    "parse_assignment",
    "set_value",
]
