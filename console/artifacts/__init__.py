"""Config -> the files under deploy/: pure functions to text, one file per target. Nothing here reads or writes."""

from console.artifacts.documents import is_rendered, missing_keys
from console.artifacts.targets import TARGETS, render
from console.artifacts.topology import not_rendered

__all__ = ["TARGETS", "is_rendered", "missing_keys", "not_rendered", "render"]
