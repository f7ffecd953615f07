"""The head of a ladder on screen: whose it is, how it has fared and how fresh it is; and how its forwards are kept."""

from __future__ import annotations

from rich.cells import cell_len

from console.model.check import CheckedService, ClusterChecks, Standing
from console.model.forward import KeptTunnel
from console.render.cells import Pieces
from console.render.figures import age, duration
from console.render.glyphs import Glyphs
from console.render.tunnel_texts import tunnel_sign


def ladder_head(checks: ClusterChecks, service: CheckedService, width: int, now: float, glyphs: Glyphs) -> Pieces:
    """Return `` tunnel local-2 → dashboard      up 3 d 4 h, 2 flaps   checked 1 s ago``."""
    ladder = checks.ladder(service)
    name = glyphs.safe(f"{checks.cluster} {glyphs.arrow} {service}")
    fared = "" if ladder is None else _fared(ladder.standing, now, glyphs)
    checked = "not walked yet" if checks.checked_at is None else f"checked {age(now - checks.checked_at, glyphs)} ago"
    right = f"{fared}   {checked} " if fared else f"{checked} "
    gap = max(2, width - cell_len(f" tunnel {name}") - cell_len(right))
    return ((" tunnel ", "dim"), (name, "title"), (" " * gap, ""), (right, "dim"))


def _fared(standing: Standing, now: float, glyphs: Glyphs) -> str:
    flaps = f"{standing.flaps} {'flap' if standing.flaps == 1 else 'flaps'}"
    if standing.up_since is not None:
        return f"up {duration(now - standing.up_since, glyphs)}, {flaps}"
    if standing.down_since is not None:
        return f"down {duration(now - standing.down_since, glyphs)}, {flaps}"
    return ""


NOT_WALKED: tuple[Pieces, ...] = ((("   this path is being walked for the first time", "dim"),),)


def service_line(checks: ClusterChecks, service: CheckedService) -> Pieces:
    """Return the services of the path with the one that is shown in the accent."""
    tones = ((ladder.service, "accent" if ladder.service == service else "dim") for ladder in checks.ladders)
    return ((" ", ""), *((f" {name}  ", tone) for name, tone in tones))


def kept_lines(checks: ClusterChecks, kept: KeptTunnel | None, now: float, glyphs: Glyphs) -> tuple[Pieces, ...]:
    """Return how this console keeps the forwards of the path open, nothing for a path without any."""
    if kept is None:
        if checks.reach != "forward":
            return ()
        return ((), (("    kept open       ", "dim"), ("not by this console:  ", ""), ("u", "accent"), (" opens", "")))
    sign, tone = tunnel_sign(kept.state, glyphs)
    since = "" if kept.since is None else f" for {duration(max(0.0, now - kept.since), glyphs)}"
    words = f"{kept.state}{since}, restarts: {kept.restarts}" + (f", ssh pid {kept.ssh_pid}" if kept.ssh_pid else "")
    lines: list[Pieces] = [(), ((f"  {sign} ", tone), ("kept open       ", ""), (glyphs.safe(words), ""))]
    lines += [(("                    ", ""), (glyphs.safe(text), tone)) for text, tone in
              ((kept.reason, ""), (kept.hint, "accent")) if text]  # fmt: skip
    return tuple(lines)
