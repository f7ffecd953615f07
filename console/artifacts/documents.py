"""How a rendered file is written: its first line, deterministic YAML, and what stands where only the operator knows.

YAML is always dumped from plain values, never glued from text, so no value can change a document's shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

HEADER = "Rendered by raydeck from clusters.toml. Change that file and render again; what is edited here is lost."
# What Go's YAML takes for a number, a date or a truth value, and YAML 1.1 for text: kubectl would send 1000 for 1e3.
_GO_NUMBER = re.compile(
    r"[-+]?(?:0[xob][0-9a-f_]+(?:\.[0-9a-f_]*)?(?:p[-+]?[0-9]+)?|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)(?:e[-+]?[0-9_]+)?)",
    re.IGNORECASE,
)
_GO_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?")
_GO_WORD = re.compile(r"[yn]|yes|no|on|off|true|false|null|[-+]?\.?(?:inf|infinity|nan)", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"<set ([A-Za-z0-9._\"-]+) in \./clusters\.toml>")

Document = Mapping[str, object]


class _Dumper(yaml.SafeDumper):
    """Writes every value where it stands, without anchors, and indents lists below their key."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, indentless=False)

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Quote a string that any reader, YAML 1.1 or Go's, would take for something else."""
        is_other = any(kind.fullmatch(data) for kind in (_GO_NUMBER, _GO_DATE, _GO_WORD))
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="'" if is_other else None)


_Dumper.add_representer(str, _Dumper.represent_str)


def yaml_text(documents: Sequence[Document], *notes: str) -> str:
    """Return the file of one or several documents; ``notes`` become comments below the header."""
    body = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10_000
    )
    return text(body.removesuffix("\n").split("\n"), *notes)


def text(lines: Sequence[str], *notes: str) -> str:
    """Return the file of these lines, in a format whose comments begin with ``#``."""
    return "\n".join([f"# {HEADER}", *(f"# {note}" for note in notes), *lines]) + "\n"


def markdown(lines: Sequence[str]) -> str:
    """Return the file of these lines of Markdown."""
    return "\n".join([f"<!-- {HEADER} -->", "", *lines]) + "\n"


def is_rendered(content: str) -> bool:
    """Return whether a file begins as every rendered file does."""
    return HEADER in content.partition("\n")[0]


def placeholder(key_path: str) -> str:
    """Return what stands in a file until ``key_path`` of clusters.toml is given.

    Its spaces make ssh and sshd refuse the line, its slash makes Prometheus refuse the target.
    """
    return f"<set {key_path} in ./clusters.toml>"


def missing_keys(content: str) -> tuple[str, ...]:
    """Return the key paths whose placeholders stand in a rendered file, each once, in their order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(content)))
