"""Every sign that this program draws, once as Unicode and once as pure ASCII (``--ascii``).

Renderers and widgets take a ``Glyphs`` and never write a sign of their own, so that ASCII output is ASCII to the byte.
Text from outside passes ``Glyphs.safe``, which is also where its letters become ASCII.
"""

from __future__ import annotations

from msgspec import Struct

from console.render.ansi import plain


class Glyphs(Struct, frozen=True, kw_only=True):
    """One set of signs. Every sign is one cell wide, but for ``note`` (two) and ``arrow`` (one or two)."""

    up: str
    degraded: str
    down: str
    unknown: str
    running: str
    done: str
    failed: str
    stopped: str
    pending: str
    unreached: str
    ok: str
    dash: str
    ellipsis: str
    rule: str
    note: str
    separator: str
    arrow: str
    pointer: str
    receive: str
    send: str
    cursor: str
    marked: str
    ascending: str
    descending: str
    thumb: str
    thumb_track: str
    gap: str
    bar_full: str
    bar_track: str
    bar_parts: str
    """What follows the full cells of a bar, from the least to the most, empty where only full cells exist."""
    trend: str
    """Columns from the lowest to the highest."""
    markers: str
    """Markers of scatter groups, in order."""
    shared: str
    """The marker of a cell in which points of several groups lie."""
    grid_row: str
    grid_column: str
    grid_cross: str
    axis: str
    axis_tick: str
    ascii_only: bool = False

    def safe(self, text: str) -> str:
        """Make text from outside harmless, and ASCII where only that may be written (``?`` for what is not)."""
        text = plain(text)
        return text.encode("ascii", "replace").decode("ascii") if self.ascii_only else text

    def state(self, name: str) -> str:
        """Return the sign of a cluster's state or of a job's status (any case); ``unknown`` for a name not known."""
        field = _STATES.get(name.lower())
        return self.unknown if field is None else str(getattr(self, field))


_STATES = {
    "up": "up",
    "degraded": "degraded",
    "down": "down",
    "running": "running",
    "succeeded": "done",
    "done": "done",
    "failed": "failed",
    "stopped": "stopped",
    "pending": "pending",
    "unreached": "unreached",
}
_TONES = {
    "up": "ok",
    "degraded": "warn",
    "down": "bad",
    "running": "ok",
    "succeeded": "ok",
    "done": "ok",
    "failed": "bad",
    "stopped": "dim",
    "pending": "warn",
}


LEVEL_STATES = {"ok": "up", "warn": "degraded", "bad": "down"}
"""The state whose sign stands for the level of an event."""


def state_tone(name: str) -> str:
    """Return the tone that goes with ``Glyphs.state(name)``, ``dim`` for a name not known."""
    return _TONES.get(name.lower(), "dim")


UNICODE = Glyphs(
    up="●",
    degraded="◐",
    down="○",
    unknown="?",
    running="▶",
    done="✓",
    failed="✗",
    stopped="■",
    pending="…",
    unreached="∙",
    ok="✓",
    dash="—",
    ellipsis="…",
    rule="─",
    note="┄┄",
    separator="·",
    arrow="→",
    pointer="▸",
    receive="↓",
    send="↑",
    cursor="▌",
    marked="◆",
    ascending="▴",
    descending="▾",
    thumb="┃",
    thumb_track=" ",
    gap="·",
    bar_full="█",
    bar_track="·",
    bar_parts="▏▎▍▌▋▊▉",
    trend="▁▂▃▄▅▆▇█",
    markers="●▲■◆○△□◇✚✖★▼",
    shared="✱",
    grid_row="┈",
    grid_column="┊",
    grid_cross="┼",
    axis="│",
    axis_tick="┤",
)
ASCII = Glyphs(
    up="*",
    degraded="~",
    down="o",
    unknown="?",
    running=">",
    done="+",
    failed="x",
    stopped="#",
    pending=":",
    unreached=".",
    ok="+",
    dash="-",
    ellipsis="~",
    rule="-",
    note="--",
    separator="-",
    arrow="->",
    pointer=">",
    receive="v",
    send="^",
    cursor="|",
    marked="+",
    ascending="^",
    descending="v",
    thumb="#",
    thumb_track=" ",
    gap=" ",
    bar_full="#",
    bar_track=".",
    bar_parts="",
    trend=".:-=#",
    markers="ox+*#@%$VADH",
    shared="&",
    grid_row=".",
    grid_column=".",
    grid_cross=":",
    axis="|",
    axis_tick="+",
    ascii_only=True,
)
