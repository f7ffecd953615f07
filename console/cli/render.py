"""``raydeck render``: deployment files from clusters.toml, printed, written, or compared with what is there.

A value that only the operator knows and has not given is named in every case, and the exit status is 1. Files that
raydeck did not render are never written over, and nothing is ever removed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from console.artifacts import TARGETS, documentation_addresses, left_out, missing_keys
from console.artifacts import is_rendered as is_ours
from console.artifacts import render as rendered
from console.cli.session import Session, pass_session, say
from console.config import Config, find_config, load_config
from console.errors import ReadOnlyError, UsageError
from console.render.ansi import plain

_DEFAULT_FOLDER = Path("deploy")


@click.command()
@click.argument("target", nargs=-1, type=click.Choice(list(TARGETS)))
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Write the files below this folder.")
@click.option("--check", is_flag=True, help="Compare with the files below --output, or ./deploy; 1 when they differ.")
@pass_session
def render(session: Session, target: tuple[str, ...], output: Path | None, *, check: bool) -> None:
    """Print, write or check the deployment files that follow from clusters.toml; of all targets by default."""
    config = load_config(find_config(session.config_file, session.environ, session.cwd), session.environ)
    if output is not None and not check and (session.read_only or config.console.read_only):
        raise ReadOnlyError("render --output")
    targets = target or tuple(TARGETS)
    files = rendered(config, targets, Path(session.environ.get("HOME") or Path.home()))
    differing = False
    if check:
        differing = _print_differences(files, session.cwd / (output or _DEFAULT_FOLDER), targets)
    elif output is not None:
        _write(files, session.cwd / output)
    else:
        _print(files)
    _tell_what_is_left_out(config, target, files)
    if _name_missing(files) or differing:
        raise click.exceptions.Exit(1)


def _print(files: Mapping[str, str]) -> None:
    """Print the only file as it is, so that it can be redirected; several each below its name."""
    for path, content in files.items():
        if len(files) > 1:
            click.echo(f"==> {path} <==")
        click.echo(content, nl=len(files) > 1)


def _write(files: Mapping[str, str], folder: Path) -> None:
    for path in files:
        there = _read(folder / path)
        if there is not None and not is_ours(there):
            raise UsageError(
                str(folder / path), "was not rendered by raydeck, so it is kept", "move it away, or --check"
            )
    written = 0
    for path, content in files.items():
        if _read(folder / path) != content:
            _write_file(folder / path, content)
            written += 1
    say(f"{folder}: {len(files)} files, {written} of them new or changed")


def _write_file(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(str(path), f"cannot be written: {error.strerror}") from None


def _read(path: Path) -> str | None:
    """Return the file's text, None without one; bytes that are no text differ from every rendered file."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(str(path), f"cannot be read: {error.strerror}") from None


def _print_differences(files: Mapping[str, str], folder: Path, targets: Sequence[str]) -> bool:
    """Print a unified diff from what is there to what follows from the configuration; return whether any differs."""
    found = {path: _read(folder / path) for path in files}
    found |= {path: _read(folder / path) for path in _rendered_before(folder, targets) if path not in files}
    differing = [path for path, there in found.items() if there != files.get(path)]
    for path in differing:
        there, wanted = found[path], files.get(path)
        for line in difflib.unified_diff(_lines(there), _lines(wanted), str(folder / path), path, lineterm=""):
            click.echo(plain(line))
        if wanted is None:
            say(f"{folder / path}: follows from nothing any more; remove it")
    say(f"{folder}: {len(differing)} of {len(found)} files differ" if differing else f"{folder}: as rendered")
    return bool(differing)


def _lines(content: str | None) -> list[str]:
    return [] if content is None else content.split("\n")


def _rendered_before(folder: Path, targets: Sequence[str]) -> list[str]:
    """Return the files of these targets that raydeck rendered some time, whatever the configuration says today."""
    paths = (path for target in targets for path in sorted((folder / target).rglob("*")) if path.is_file())
    return [str(path.relative_to(folder)) for path in paths if is_ours(_read(path) or "")]


def _tell_what_is_left_out(config: Config, wanted: Sequence[str], files: Mapping[str, str]) -> None:
    made = {path.partition("/")[0] for path in files}
    for target in wanted:
        if target not in made:
            say(f"{target}: clusters.toml has nothing that asks for it")
    for name, why in left_out(config) if {"kuberay", "istio"} & set(wanted or TARGETS) else ():
        say(f"{name}: {why}")
    for key, address in documentation_addresses(config):
        say(f"{key}: {address} is an address for documentation and leads nowhere; put your own there")


def _name_missing(files: Mapping[str, str]) -> bool:
    """Name every key whose placeholder is left, with the files that wait for it; return whether there is any."""
    waiting: dict[str, list[str]] = {}
    for path, content in files.items():
        for key in missing_keys(content):
            waiting.setdefault(key, []).append(path)
    for key, paths in waiting.items():
        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        say(f"{key}: is missing in clusters.toml, so {paths[0]}{others} cannot be used yet")
    return bool(waiting)
