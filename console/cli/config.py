"""``raydeck config``: check the file, say which one it is, print an example."""

from __future__ import annotations

import click

from console.cli.session import Session, pass_session, tell
from console.config import example_text, find_config, load_config, searched_places
from console.errors import NotFoundError


@click.group()
def config() -> None:
    """Check, find, or begin clusters.toml."""


@config.command()
@pass_session
def check(session: Session) -> None:
    """Check the configuration: file, key path, and what was expected. Exits 2 when it is refused."""
    path = find_config(session.config_file, session.environ, session.cwd)
    found = load_config(path, session.environ)
    names = ", ".join(spec.name for spec in found.clusters) or "none"
    click.echo(f"{path or 'no file, defaults'}: good; clusters: {names}")


@config.command()
@pass_session
def path(session: Session) -> None:
    """Print which file is used; exits 1 when there is none, naming where it is looked for."""
    found = find_config(session.config_file, session.environ, session.cwd)
    if found is None:
        places = searched_places(session.config_file, session.environ, session.cwd)
        looked = ", ".join(str(place.path) for place in places if place.path is not None)
        raise NotFoundError("config", f"no clusters.toml; looked in {looked}", "raydeck config example > clusters.toml")
    click.echo(str(found))


@config.command()
def example() -> None:
    """Print an example that works on one laptop, to begin with."""
    click.echo(example_text(), nl=False)
    tell("save it as clusters.toml")
