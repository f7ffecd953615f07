"""Config -> the files under deploy/: pure functions to text, one file per target. Nothing here reads or writes."""

from console.artifacts.documents import is_rendered, missing_keys
from console.artifacts.gateway import left_out
from console.artifacts.targets import TARGETS, render
from console.artifacts.topology import documentation_addresses

__all__ = ["TARGETS", "documentation_addresses", "is_rendered", "left_out", "missing_keys", "render"]
