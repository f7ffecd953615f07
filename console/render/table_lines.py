"""The lines of a table as pieces with tones: head and row, from the columns that fit."""

from __future__ import annotations

from collections.abc import Sequence

from console.render.cells import BLANK, Pieces, Placed, Row, fit
from console.render.glyphs import Glyphs

GUTTER = 1  # cells on the left for the cursor's bar or the mark
MARGIN = 1  # cells on the right for the scroll thumb


def head_line(placed: Sequence[Placed], sorted_by: tuple[str, bool] | None, glyphs: Glyphs) -> Pieces:
    """Return the head; the column that sorts is marked and in the accent tone."""
    out, at = [], 0
    for spot in placed:
        tone, title = "head", spot.column.title
        if sorted_by and sorted_by[0] == spot.column.key:
            mark = glyphs.descending if sorted_by[1] else glyphs.ascending
            tone, title = "accent", title[: spot.width - 1] + mark
        out.append((" " * (GUTTER + spot.x - at), ""))
        out += fit(((title, tone),), spot.width, glyphs, right=spot.column.right)
        at = GUTTER + spot.x + spot.width
    return tuple(out)


def row_line(
    row: Row, placed: Sequence[Placed], width: int, glyphs: Glyphs, *, cursor: bool, marked: bool, thumb: bool
) -> Pieces:
    """Return one row in ``width`` cells; a stale one is dim, but for its fresh cells and what is fainter anyway."""
    out: list[tuple[str, str]] = [(glyphs.marked if marked else glyphs.cursor if cursor else " ", "accent")]
    at = GUTTER
    for spot in placed:
        out.append((" " * (GUTTER + spot.x - at), ""))
        cell = row.cells[spot.number] if spot.number < len(row.cells) else BLANK
        pieces = fit(cell.pieces, spot.width, glyphs, right=spot.column.right)
        if row.stale and not cell.fresh:
            pieces = tuple((text, "track" if tone == "track" else "dim") for text, tone in pieces)
        out += pieces
        at = GUTTER + spot.x + spot.width
    out.append((" " * (width - MARGIN - at), ""))
    out.append((glyphs.thumb if thumb else glyphs.thumb_track, "thumb"))
    return tuple(out)


def changed_cells(new: Row, old: Row, placed: Sequence[Placed]) -> tuple[int, int] | None:
    """Return the stretch of a line (x, width) from the first to the last cell that looks different, None without any.

    What a cell sorts by (an age to the microsecond) changes all the time and is not seen.
    """
    hit = [spot for spot in placed if _look(new, spot.number) != _look(old, spot.number)]
    if not hit:
        return None
    return GUTTER + hit[0].x, hit[-1].x + hit[-1].width - hit[0].x


def _look(row: Row, number: int) -> tuple[Pieces, bool]:
    return (row.cells[number].pieces, row.cells[number].fresh) if number < len(row.cells) else ((), False)


def thumb_span(total: int, page: int, share: float) -> tuple[int, int]:
    """Return start and length of the scroll thumb on ``page`` lines; length 0 when everything is on screen.

    ``share`` is how far the view has come, 0 at the first line, 1 at the last.
    """
    if page < 1 or total <= page:
        return (0, 0)
    length = max(1, page * page // total)
    return round((page - length) * max(0.0, min(1.0, share))), length
