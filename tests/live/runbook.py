"""The command lines of deploy/README.md, by step, for tests that type them as they stand there."""

import re
from pathlib import Path

RUNBOOK = Path(__file__).parents[2] / "deploy" / "README.md"


def lines(step: str) -> list[str]:
    """Return the command lines under the heading that begins with ``step``, without blocks of what is printed."""
    text = RUNBOOK.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {re.escape(step)}.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks if not block.startswith(("raydeck: ", " ")) for line in block.splitlines()]


def line(step: str, words: str) -> str:
    """Return the only command line of a step that holds these words."""
    (found,) = (line for line in lines(step) if words in line)
    return found
