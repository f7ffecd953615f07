"""Plots as text and the values behind them: every point is drawn, whatever the width, and ASCII where asked."""

from __future__ import annotations

import re

import pytest

from console.model.output import ClusterOutput, JobOutput, Statistic, Summary
from console.render.glyphs import ASCII, UNICODE
from console.render.members import STATISTICS, groups_of
from console.render.plots import plots_text
from console.render.text_table import text_lines, text_table
from console.render.values_table import VALUE_COLUMNS, value_rows


def summary(name: str, shift: float) -> Summary:
    def statistic(factor: float) -> Statistic:
        return Statistic((shift * factor, shift * factor + 3), (1.0, 2.0 + shift))

    return Summary(name, (0, 0), (1, 1), (4, 5), statistic(1), statistic(2), statistic(3), statistic(4))


OUTPUT = JobOutput({"0": ClusterOutput("", (summary("0-1-1", 1.0), summary("1-2-1", 9.0)))})


def test_groups_are_the_summaries_in_their_order() -> None:
    groups = groups_of(OUTPUT.summaries, "name")
    assert [(group.name, tuple(group.xs), tuple(group.ys)) for group in groups] == [
        ("0-1-1", (2.0, 5.0), (1.0, 3.0)),
        ("1-2-1", (18.0, 21.0), (1.0, 11.0)),
    ]


@pytest.mark.parametrize("columns", [38, 79, 80, 120, 200])
def test_four_plots_and_one_legend_at_every_width(columns: int) -> None:
    lines = plots_text(OUTPUT, columns, 12, UNICODE, coloured=False).split("\n")
    assert all(len(line) <= columns for line in lines)
    assert all(any(name in line for line in lines) for name in STATISTICS)
    assert lines[-1] == "● 0-1-1  ▲ 1-2-1"
    assert sum(line.count("●") + line.count("▲") for line in lines[:-1]) == 4 * 4


def test_two_stand_beside_each_other_where_there_is_room() -> None:
    assert "name" not in plots_text(OUTPUT, 77, 10, UNICODE, coloured=False).split("\n")[0]
    assert "name" in plots_text(OUTPUT, 78, 10, UNICODE, coloured=False).split("\n")[0]


def test_ascii_is_ascii_and_colours_are_only_written_where_asked() -> None:
    assert plots_text(OUTPUT, 80, 12, ASCII, coloured=False).isascii()
    coloured = plots_text(OUTPUT, 80, 12, UNICODE, coloured=True)
    assert len(set(re.findall(r"\x1b\[38;2;[\d;]+m", coloured))) == 2
    assert "\x1b" not in re.sub(r"\x1b\[(38;2;[\d;]+|0)m", "", coloured)


def test_several_clusters_are_named_harmlessly_and_an_empty_one_says_why() -> None:
    failed = ClusterOutput("ray://b:10001\x1b[2J", (), error="gone")
    text = plots_text(JobOutput({"0": OUTPUT.clusters["0"], "1": failed}), 80, 12, UNICODE, coloured=False)
    assert "cluster 1  ray://b:10001  gone" in text
    assert "\x1b" not in text


def test_values_are_rows_by_worker_and_batch() -> None:
    rows = value_rows(OUTPUT.summaries, UNICODE)
    assert list(rows) == ["0-1-1/0/4", "0-1-1/0/5", "1-2-1/0/4", "1-2-1/0/5"]
    assert [cell.text for cell in rows["1-2-1/0/5"].cells] == [
        "1-2-1", "0", "1", "5", "12", "11", "21", "11", "30", "11", "39", "11",
    ]  # fmt: skip


def test_a_text_table_lines_up_and_leaves_empty_columns_out() -> None:
    rows = value_rows(OUTPUT.summaries, UNICODE)
    lines = text_table(VALUE_COLUMNS, [row.cells for row in rows.values()], ASCII).split("\n")
    assert len({len(line) for line in lines}) == 1
    assert lines[0].startswith("SUMMARY  WORKER")
    assert text_lines([(("a\x1b[31m", ""), ("é  ", "dim"))], ASCII) == ["a?"]
