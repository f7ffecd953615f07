"""What every command needs: the options before it, one Core inside one event loop, and how it speaks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from console.errors import NotFoundError
from console.render.glyphs import ASCII, UNICODE, Glyphs
from console.services.core import Core, Options
from console.services.state_folder import StateFolder

Result = TypeVar("Result")


class Session(msgspec.Struct, frozen=True):
    """The options before the command, and the surroundings of the process."""

    config_file: Path | None
    read_only: bool
    ascii_only: bool
    environ: Mapping[str, str]
    cwd: Path

    @property
    def glyphs(self) -> Glyphs:
        """Return the signs to draw with."""
        return ASCII if self.ascii_only else UNICODE

    @property
    def state(self) -> StateFolder:
        """Return the state folder."""
        return StateFolder.from_environment(self.environ)

    def core(self, *, starts_clusters: bool = False) -> Core:
        """Return a Core that is not loaded yet."""
        core = Core(Options(self.config_file, self.read_only, self.environ, self.cwd, starts_clusters))
        core.note = lambda text: say(f"raydeck: {text}")
        return core

    def run(self, work: Callable[[Core], Awaitable[Result]]) -> Result:
        """Load the configuration, run ``work`` on a Core in an event loop, and close what it opened."""
        return asyncio.run(self._run(work))

    async def _run(self, work: Callable[[Core], Awaitable[Result]]) -> Result:
        core = self.core()
        core.load()
        await core.begin()
        try:
            return await work(core)
        finally:
            await core.close()


pass_session = click.make_pass_decorator(Session)


def write_json(document: Any) -> None:
    """Print one JSON document on one line, and nothing else."""
    click.echo(msgspec.json.encode(document))


def write_bytes(content: bytes) -> None:
    """Write to standard output at once, all of it: unbuffered (``python -u``), one write may take only a part."""
    left = memoryview(content)
    while left:
        left = left[sys.stdout.buffer.write(left) :]
    sys.stdout.buffer.flush()


def tell(text: str) -> None:
    """Show progress, on standard error and only to a person."""
    if sys.stderr.isatty():
        say(text)


def say(text: str) -> None:
    """Show one line on standard error, whoever reads it; what others wrote in it is made harmless."""
    context = click.get_current_context(silent=True)
    session = None if context is None else context.find_object(Session)
    click.echo((UNICODE if session is None else session.glyphs).safe(text), err=True)


def complain(text: str) -> None:
    """Say what went wrong, as one line that names the program."""
    line = " ".join(text.split())
    say(line if line.startswith("raydeck: ") else f"raydeck: {line}")


def cluster_names(core: Core, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the wanted clusters, all without any; raise NotFoundError for one that is not configured."""
    for name in wanted:
        core.fleet.poller(name)
    return tuple(wanted) or tuple(spec.name for spec in core.fleet.specs)


def only_cluster(core: Core, wanted: str | None) -> str:
    """Return the wanted cluster, or the only one there is; raise NotFoundError where that is not clear."""
    names = cluster_names(core, [wanted] if wanted else [])
    if len(names) != 1:
        hint = f"one of: {', '.join(names)}" if names else "raydeck up starts one on this machine"
        raise NotFoundError("--cluster", "say which cluster" if names else "there is no cluster", hint)
    return names[0]
