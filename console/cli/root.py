"""The command ``raydeck`` itself: its options, the list of commands, and the console when none is given.

A command's module is imported when it is called, so that no command pays for another.
"""

from __future__ import annotations

import gc
import importlib
import os
from pathlib import Path
from typing import Any, NoReturn

import click

from console import __version__
from console.cli.session import Session, complain
from console.errors import RaydeckError

_PLACES = {
    "demo": "console.cli.embedded",
    "up": "console.cli.embedded",
    "down": "console.cli.embedded",
    "status": "console.cli.clusters",
    "nodes": "console.cli.clusters",
    "metrics": "console.cli.metrics",
    "targets": "console.cli.metrics",
    "events": "console.cli.metrics",
    "check": "console.cli.check",
    "wait": "console.cli.clusters",
    "tunnel": "console.cli.tunnel",
    "jobs": "console.cli.jobs",
    "submit": "console.cli.submit",
    "logs": "console.cli.logs",
    "stop": "console.cli.jobs",
    "rerun": "console.cli.jobs",
    "output": "console.cli.output",
    "results": "console.cli.results",
    "serve": "console.cli.serve",
    "call": "console.cli.serve",
    "render": "console.cli.render",
    "config": "console.cli.config",
}


class LazyGroup(click.Group):
    """A group whose commands are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table above."""
        del ctx
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        del ctx
        place = _PLACES.get(cmd_name)
        if place is None:
            return None
        command = getattr(importlib.import_module(place), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 -- each place of the table defines its commands
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours, or of the disk, is one line in the signs that were asked for."""
        try:
            return super().invoke(ctx)
        except RaydeckError as error:
            return self._failed(ctx, error)
        except BrokenPipeError:  # no trouble: the reader has what it wanted
            raise
        except OSError as error:
            where = str(error.filename) if error.filename else "this machine"
            return self._failed(ctx, RaydeckError(where, error.strerror or type(error).__name__))

    @staticmethod
    def _failed(ctx: click.Context, error: RaydeckError) -> NoReturn:
        complain(str(error))
        ctx.exit(error.exit_status)


@click.group(cls=LazyGroup, invoke_without_command=True)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="clusters.toml; else it is looked for.")
@click.option("--read-only", is_flag=True, help="Refuse everything that changes anything.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with pure ASCII.")
@click.version_option(__version__, prog_name="raydeck")
@click.pass_context
def raydeck(ctx: click.Context, config_file: Path | None, *, read_only: bool, ascii_only: bool) -> None:
    """Operate several Ray clusters. Without a command: the full-screen console."""
    ctx.obj = Session(config_file, read_only, ascii_only, dict(os.environ), Path.cwd())
    if ctx.invoked_subcommand is None:
        gc.disable()  # a start has no garbage, and to look for some takes a third of it
        from console.cli.screen import open_console  # noqa: PLC0415 -- only this one pays for Textual

        open_console(ctx.obj)
