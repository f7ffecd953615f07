"""Turn exported screenshots (SVG) into PNG with a headless Chromium, so that a person can look at them.

``python tests/pictures.py SVG… [--to FOLDER]``; without ``--to`` a picture lies beside its source.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import click

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def browser() -> str | None:
    """Return the browser's path, None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def view_box(svg: str) -> tuple[int, int]:
    """Return width and height of the drawing in pixels."""
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if match is None:
        msg = "no viewBox in the SVG"
        raise ValueError(msg)
    return round(float(match.group(1))), round(float(match.group(2)))


def to_png(svg: Path, png: Path) -> None:
    """Draw one SVG; fonts named by URL are dropped, the machine's own monospace font is used."""
    program = browser()
    if program is None:
        msg = "no chromium found; on Debian: apt-get install chromium"
        raise FileNotFoundError(msg)
    drawing = re.sub(r"@font-face\s*\{[^}]*\}", "", svg.read_text(encoding="utf-8"))
    width, height = view_box(drawing)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(f"<meta charset='utf-8'><body style='margin:0'>{drawing}</body>", encoding="utf-8")
        subprocess.run(
            [program, *FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}",
             f"--screenshot={png.resolve()}", page.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


@click.command(help=__doc__)
@click.argument("svgs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder for the pictures.")
def main(svgs: tuple[Path, ...], folder: Path | None) -> None:
    for svg in svgs:
        png = (folder or svg.parent) / f"{svg.stem}.png"
        png.parent.mkdir(parents=True, exist_ok=True)
        to_png(svg, png)
        click.echo(png)


if __name__ == "__main__":
    main()
