"""COMMANDS: every key of the console, declared once. Bindings, footer, help and palette derive from here.

A scope names where a command works; a screen takes the commands of its scopes in their order here, the most useful
first, which is also the order of its footer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from textual.binding import Binding, BindingType

Scope = Literal[
    "cluster", "job", "why", "tunnel", "ladder", "log", "metrics", "results", "plots", "serve", "call", "events",
    "form", "table", "anywhere"
]  # fmt: skip


class Command(Struct, frozen=True):
    """One command. ``keys`` as Textual names them, ``shown`` as an operator reads them.

    ``label`` is its word in the footer, empty where it does not stand there; ``changes`` marks what read-only refuses.
    """

    scope: Scope
    keys: str
    shown: str
    label: str
    meaning: str
    action: str
    changes: bool = False


COMMANDS: tuple[Command, ...] = (
    Command("cluster", "s", "s", "submit", "submit a job here, or to all marked clusters", "submit", changes=True),
    Command("cluster", "l", "l", "logs", "log of the cluster's newest job", "log"),
    Command("cluster", "n", "n", "nodes", "nodes of the cluster (Enter does the same)", "nodes"),
    Command("cluster", "t", "t", "tunnel", "ladder of the cluster's tunnel", "tunnel"),
    Command("tunnel", "enter", "Enter", "ladder", "the ladder: every hop of this tunnel", "ladder"),
    Command("tunnel", "c", "c", "check now", "walk the path at once", "check"),
    Command("tunnel", "u", "u", "up", "open the forwards, and keep them open with this console", "up", changes=True),
    Command("tunnel", "d", "d", "down", "close the forwards", "down", changes=True),
    Command("ladder", "tab", "Tab", "next service", "ladder of the next service (right arrow too)", "service(1)"),
    Command("ladder", "shift+tab", "Shift+Tab", "", "ladder of the previous service (left arrow too)", "service(-1)"),
    Command("ladder", "c", "c", "check now", "walk the path at once", "check"),
    Command("ladder", "y", "y", "copy", "copy what mends the first broken hop", "copy_command"),
    Command("ladder", "u", "u", "up", "open the forwards, and keep them open with this console", "up", changes=True),
    Command("ladder", "d", "d", "down", "close the forwards", "down", changes=True),
    Command("job", "enter,l", "l", "log", "log of the job under the cursor (Enter does the same)", "log"),
    Command("job", "o", "o", "output", "output of the job, as plots", "output"),
    Command("job", "p", "p", "why", "why the job is pending, or why it failed", "why"),
    Command("job", "R", "R", "run again", "run the job again, linked to the first", "rerun", changes=True),
    Command("job", "x", "x", "stop", "stop the job, after asking", "stop", changes=True),
    Command("why", "l", "l", "log", "log of the job", "log"),
    Command("why", "R", "R", "run again", "run the job again, linked to the first", "rerun", changes=True),
    Command("why", "r", "r", "ask again", "ask the head again, as all clusters", "refresh_now"),
    Command("log", "f", "f", "follow", "follow the end of the log, or stay here", ""),
    Command("log", "slash", "/", "search", "search in the log", "search"),
    Command("log", "n,N", "n N", "", "next and previous hit", ""),
    Command("log", "e", "e", "next error", "go to the next line that tells of an error", ""),
    Command("log", "w", "w", "wrap", "wrap long lines, or cut them", ""),
    Command("log", "W", "W", "write", "write the log to a file", "write"),
    Command("log", "o", "o", "output", "output of the job, as plots", "output"),
    Command("log", "x", "x", "stop", "stop the job, after asking", "stop", changes=True),
    Command("metrics", "plus,equals_sign", "+", "range", "look further back: 5 m, 1 h, 6 h, 24 h", "span(1)"),
    Command("metrics", "minus", "-", "", "look less far back", "span(-1)"),
    Command("metrics", "enter", "Enter", "node", "all figures of the node; on a cluster, go to its nodes", ""),
    Command("metrics", "tab", "Tab", "more charts", "the charts that had no room", "more"),
    Command("metrics", "t", "t", "targets", "what Prometheus scrapes, and what it cannot", "targets"),
    Command("events", "enter", "Enter", "cluster", "go to the event's cluster", ""),
    Command("results", "enter", "Enter", "plots", "plots of the output under the cursor", ""),
    Command("results", "a", "a", "overlay", "the marked outputs over each other in one plot", "overlay"),
    Command("results", "v", "v", "values", "values of the output under the cursor as a table", "values"),
    Command("results", "X", "X", "export", "write CSV, JSON and SVG to the working folder", "export"),
    Command("plots", "left_square_bracket", "[ ]", "cluster", "previous and next cluster, or run", "cluster(-1)"),
    Command("plots", "right_square_bracket", "]", "", "next cluster, or run", "cluster(1)"),
    Command("plots", "a", "a", "overlay", "all clusters, or runs, over each other in one plot", "overlay"),
    Command("plots", "tab", "Tab", "next plot", "next statistic, where only one fits", "statistic(1)"),
    Command("plots", "v", "v", "values", "the values as a table, and back to the plots", "values"),
    Command("plots", "X", "X", "export", "write CSV, JSON and SVG to the working folder", "export"),
    Command("plots", "j,down,right", "j", "next", "next of the kept outputs (arrows too)", "turn(1)"),
    Command("plots", "k,up,left", "k", "", "previous of the kept outputs", "turn(-1)"),
    Command("serve", "enter", "Enter", "call", "call the route under the cursor", ""),
    Command("call", "f5", "F5", "call", "call the route", "send"),
    Command("call", "f6", "F6", "repeat", "call it again and again, up to 100 times; F6 ends it", "repeat"),
    Command("call", "f2", "F2", "copy command", "copy the command line that does the same", "copy"),
    Command("call", "tab", "Tab", "next field", "next field, then the answer", ""),
    Command("call", "escape", "Esc", "back", "back to the routes", "cancel"),
    Command("form", "f5", "F5", "submit", "submit", "send"),
    Command("form", "f2", "F2", "copy command", "copy the command line that does the same", "copy"),
    Command("form", "f3", "F3", "save set", "save the parameters under a name; the first line recalls a set", "save"),
    Command("form", "tab", "Tab", "next field", "next field", ""),
    Command("form", "escape", "Esc", "cancel", "cancel", "cancel"),
    Command("table", "slash", "/", "filter", "show only rows that hold a text, or status:failed", "filter"),
    Command("table", "j,k,g,G", "j k g G", "", "down, up, first, last (arrows, page keys, Home and End too)", ""),
    Command("table", "space", "Space", "", "mark the row", ""),
    Command("table", "S", "S", "", "sort by the next column", ""),
    Command("anywhere", "colon,ctrl+p", ":", "palette", "command palette (ctrl+p too)", "app.command_palette"),
    Command("anywhere", "question_mark", "?", "help", "this help", "app.help"),
    Command("anywhere", "q", "q", "quit", "quit", "app.quit"),
    Command("anywhere", "1", "1", "", "clusters", "app.mode('clusters')"),
    Command("anywhere", "2", "2", "", "jobs", "app.mode('jobs')"),
    Command("anywhere", "3", "3", "", "tunnels", "app.mode('tunnels')"),
    Command("anywhere", "4", "4", "", "metrics", "app.mode('metrics')"),
    Command("anywhere", "5", "5", "", "serve", "app.mode('serve')"),
    Command("anywhere", "6", "6", "", "results", "app.mode('results')"),
    Command("anywhere", "E", "E", "", "events: what changed and what crossed a threshold", "app.events"),
    Command("anywhere", "escape", "Esc", "", "back, or clear the filter", "back"),
    Command("anywhere", "r", "r", "", "refresh now", "app.refresh_now"),
    Command(
        "anywhere",
        "y",
        "y",
        "",
        "copy the command line that shows the row, or the screen",
        "copy_command",
    ),
    Command("anywhere", "Y", "Y", "", "copy the command line that does what was done last", "app.copy_done"),
    Command("anywhere", "T", "T", "", "the other theme", "app.other_theme"),
)


def in_scopes(scopes: Sequence[Scope]) -> tuple[Command, ...]:
    """Return the commands of these scopes, in the order of COMMANDS."""
    return tuple(command for command in COMMANDS if command.scope in scopes)


def bindings(*scopes: Scope) -> list[BindingType]:
    """Return Textual's bindings of these scopes; a command without an action is bound by the widget that does it."""
    return [
        Binding(command.keys, command.action, command.meaning, show=False)
        for command in in_scopes(scopes)
        if command.action
    ]


_TITLES: dict[Scope, str] = {
    "cluster": "ON A CLUSTER",
    "job": "ON A JOB",
    "why": "WHY",
    "tunnel": "ON A TUNNEL",
    "ladder": "ON A LADDER",
    "log": "IN A LOG",
    "metrics": "METRICS",
    "results": "RESULTS",
    "events": "EVENTS",
    "plots": "IN PLOTS",
    "serve": "ON A ROUTE",
    "call": "IN A CALL",
    "form": "IN A FORM",
    "table": "IN A TABLE",
    "anywhere": "ANYWHERE",
}


def help_sections(first: Sequence[Scope]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return the help: titles with pairs of key and meaning, the scopes of the screen it is opened on first."""
    order = [*first, *(scope for scope in _TITLES if scope not in first)]
    return tuple(
        (_TITLES[scope], tuple((command.shown, command.meaning) for command in in_scopes([scope]))) for scope in order
    )
