"""A kept output as a file for other programs: CSV with a line per batch, JSON unchanged, SVG with the scatter plots."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from console.errors import UsageError
from console.model.kept import KeptOutput
from console.model.output import JobOutput, parse_output
from console.render.ansi import plain
from console.render.chart import Group, usable_points
from console.render.members import STATISTICS, Member, groups_of, members_of
from console.render.palette import group_colour
from console.render.ticks import Axis, round_axis

_WIDTH, _HEIGHT = 460, 320  # of one plot, in pixels
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 40, 16, 44
_LEGEND_MOST = 12
_FONT = 'font-family="sans-serif" font-size="11" fill="#333"'
_MIDDLE, _END = 'text-anchor="middle"', 'text-anchor="end"'
_COLUMNS = ("cluster", "summary", "worker", "actor", "batch",
            *(f"{name}_{figure}" for name in STATISTICS for figure in ("mean", "variance")))  # fmt: skip


def exported(document: bytes, path: Path, kept: KeptOutput) -> bytes:
    """Return the content of the file that ``path`` names, by its extension; raise UsageError for another one."""
    make = EXPORTS.get(path.suffix.casefold())
    if make is None:
        raise UsageError(str(path), "its name must end in .csv, .json or .svg")
    return make(document, f"{kept.job} on {kept.cluster}, {kept.submission_id}")


def _csv(document: bytes, title: str) -> bytes:
    del title
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for number, cluster in parse_output(document).clusters.items():
        for each in cluster.data:
            statistics = [getattr(each, name) for name in STATISTICS]
            figures = [column for one in statistics for column in (one.mean, one.variance)]
            whole = (each.workers, each.actors, each.batches)
            # repr keeps every bit of a figure.
            writer.writerows(
                (_harmless(number), _harmless(each.id), *ints, *map(repr, floats))
                for ints, floats in zip(zip(*whole, strict=True), zip(*figures, strict=True), strict=True)
            )
    return text.getvalue().encode()


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _json(document: bytes, title: str) -> bytes:
    del title
    return document


def _svg(document: bytes, title: str) -> bytes:
    return plots_svg(parse_output(document), title).encode()


EXPORTS: Mapping[str, Callable[[bytes, str], bytes]] = {".csv": _csv, ".json": _json, ".svg": _svg}


def plots_svg(output: JobOutput, title: str) -> str:
    """Return a picture of the four plots of each cluster, 2 x 2, on white."""
    members = members_of(output)
    rows = max(1, len(members))
    height = rows * (2 * _HEIGHT + 28) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {height}" {_FONT}>',
        f"<title>{_text(title)}</title>",
        f'<rect width="{2 * _WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for row, member in enumerate(members):
        top = row * (2 * _HEIGHT + 28)
        parts.append(
            f'<text x="12" y="{top + 20}" font-size="14">{_text(_heading(title, member, len(members)))}</text>'
        )
        for place, statistic in enumerate(STATISTICS):
            x, y = place % 2 * _WIDTH, top + 28 + place // 2 * _HEIGHT
            parts.append(
                f'<g transform="translate({x} {y})">{_plot(statistic, groups_of(member.shown, statistic))}</g>'
            )
    return "\n".join([*parts, "</svg>", ""])


def _heading(title: str, member: Member, members: int) -> str:
    words = title if members == 1 else f"{title}, {member.title}"
    if member.points_shown < member.points:
        words += f", a sample of {member.points_shown} of {member.points} points"
    return words + (f": {member.about.error}" if member.about and member.about.error else "")


def _plot(statistic: str, groups: list[Group]) -> str:
    points = usable_points(groups)
    xs, ys = ([point[place] for each in points for point in each] for place in (0, 1))
    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">{statistic}</text>']
    if not xs:
        return "".join([*parts, f'<text x="{_WIDTH // 2}" y="{_HEIGHT // 2}">no data</text>'])
    x, y = round_axis(xs, 5, _WIDTH - _LEFT - _RIGHT), round_axis(ys, 5, _HEIGHT - _TOP - _BOTTOM)
    parts += [*_grid(x, y), _legend(groups)]
    for number, each in enumerate(points):
        dots = "".join(f'<circle cx="{_x(x, a):.1f}" cy="{_y(y, b):.1f}" r="3"/>' for a, b in each)
        parts.append(f'<g fill="{group_colour(number, dark=False)}" fill-opacity="0.8">{dots}</g>')
    return "".join(parts)


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    turned = f"translate(14 {(_TOP + bottom) / 2}) rotate(-90)"
    lines = [
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}" {_MIDDLE}>mean</text>',
        f'<text transform="{turned}" {_MIDDLE}>variance</text>',
    ]
    for at, label in zip(x.ticks, x.labels, strict=True):
        place = f"{_x(x, at):.1f}"
        lines.append(f'<path d="M{place} {_TOP}V{bottom}" stroke="#ddd"/>')
        lines.append(f'<text x="{place}" y="{bottom + 16}" {_MIDDLE}>{_text(label)}</text>')
    for at, label in zip(y.ticks, y.labels, strict=True):
        lines.append(f'<path d="M{_LEFT} {_y(y, at):.1f}H{right}" stroke="#ddd"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{_y(y, at) + 4:.1f}" {_END}>{_text(label)}</text>')
    return lines


def _legend(groups: list[Group]) -> str:
    shown = groups[:_LEGEND_MOST]
    words = [
        f"<tspan fill={quoteattr(group_colour(number, dark=False))}>● {_text(each.name[:16])}  </tspan>"
        for number, each in enumerate(shown)
    ]
    more = f"+{len(groups) - len(shown)}" if len(groups) > len(shown) else ""
    return f'<text x="{_WIDTH - _RIGHT}" y="34" {_END} font-size="9">{"".join(words)}{more}</text>'


def _x(axis: Axis, value: float) -> float:
    return _LEFT + (value - axis.low) / (axis.high - axis.low) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - (value - axis.low) / (axis.high - axis.low) * (_HEIGHT - _TOP - _BOTTOM)


def _text(text: str) -> str:
    return escape(plain(text))
