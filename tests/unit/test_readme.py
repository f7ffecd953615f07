"""The README says what the code says: its table of keys is made of the declarations, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from console.cli.root import raydeck
from console.commands import COMMANDS, help_sections

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def key_table() -> str:
    """Return the table as the README should hold it."""
    lines = ["| where | key | what it does |", "|---|---|---|"]
    for title, keys in help_sections([]):
        where = title.lower()
        lines += [f"| {where} | `{shown}` | {meaning} |" for shown, meaning in keys]
    return "\n".join(lines)


def test_the_table_of_keys_is_that_of_the_declarations() -> None:
    table = re.search(r"<!-- keys -->\n(.*?)\n<!-- /keys -->", README, re.DOTALL)
    assert table is not None
    assert table.group(1) == key_table()
    assert all(f"`{command.shown}`" in README for command in COMMANDS)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_commands_are_those_that_exist() -> None:
    named = {name for words in re.findall(r"^raydeck ([a-z]+(?: .*?\| [a-z]+)?)", README, re.MULTILINE)
             for name in re.findall(r"(?:^|\| )([a-z]+)", words)}  # fmt: skip
    assert {"status", "submit", "output", "render"} <= named
    assert set(raydeck.list_commands(None)) <= named | {"down"}  # type: ignore[arg-type]
