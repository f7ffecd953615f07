"""Where the configuration is looked for, what is shown when there is none, and the example that is packaged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from console.config import values
from console.config.reading import At, clean
from console.errors import ConfigError
from console.model.cluster import CLIENT_PORT, DASHBOARD_PORT, SERVE_PORT, ClusterSpec

FILE_NAME = "clusters.toml"
IMPLICIT_ADDRESS = f"http://127.0.0.1:{DASHBOARD_PORT}"
_ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"


class Place(Struct, frozen=True):
    """One place to look at; ``path`` is None where the option or variable is not given."""

    name: str
    path: Path | None
    demanded: bool = False


def searched_places(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Place, ...]:
    """Return the places in the order in which they are looked at; a demanded one must exist."""
    named = environ.get("RAYDECK_CONFIG")
    home = Path(environ.get("HOME") or Path.home())
    folder = Path(environ.get("XDG_CONFIG_HOME") or "")
    if not folder.is_absolute():
        folder = home / ".config"
    return (
        Place("--config", None if explicit is None else _absolute(explicit, home, cwd), demanded=True),
        Place("$RAYDECK_CONFIG", _absolute(Path(named), home, cwd) if named else None, demanded=True),
        Place(f"./{FILE_NAME}", cwd / FILE_NAME),
        Place(f"$XDG_CONFIG_HOME/raydeck/{FILE_NAME}", folder / "raydeck" / FILE_NAME),
    )


def _absolute(path: Path, home: Path, cwd: Path) -> Path:
    return home.joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else cwd / path


def find_config(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Return the first file that is there, None without any; raise ConfigError where a demanded one is not."""
    for place in searched_places(explicit, environ, cwd):
        if place.path is None:
            continue
        if _is_there(place.path):
            return place.path
        if place.demanded:
            what = "is a folder" if place.path.is_dir() else "does not exist"
            raise ConfigError(clean(str(place.path)), what, f"{place.name} expects a file; see: raydeck config example")
    return None


def _is_there(path: Path) -> bool:
    """Return whether something readable as a file stands there; a pipe is one, too."""
    try:
        return path.exists() and not path.is_dir()
    except OSError as error:
        raise ConfigError(clean(str(path)), f"cannot be looked at: {error.strerror}") from None


def gone(path: Path) -> ConfigError:
    """Return the error for a file that was read before and is not there any more."""
    return ConfigError(clean(str(path)), "the file is gone", "what it said last is kept")


def implicit_cluster(environ: Mapping[str, str]) -> ClusterSpec:
    """Return the cluster ``local`` of a console without a file, where Ray's own variable or default says it is."""
    given = environ.get(_ADDRESS_VARIABLE)
    dashboard = values.url(given, At(f"${_ADDRESS_VARIABLE}")) if given else IMPLICIT_ADDRESS
    token_path = environ.get("RAY_AUTH_TOKEN_PATH")
    here = urlsplit(dashboard).hostname in {"localhost", "127.0.0.1", "::1"}
    return ClusterSpec(
        name="local",
        kind="local",
        dashboard=dashboard,
        serve=f"http://127.0.0.1:{SERVE_PORT}" if here else None,
        client=f"127.0.0.1:{CLIENT_PORT}" if here else None,
        auth_token_file=Path(token_path).absolute() if token_path else None,
        implicit=True,
    )


def is_address_given(environ: Mapping[str, str]) -> bool:
    """Return whether the operator himself said where the implicit cluster is."""
    return bool(environ.get(_ADDRESS_VARIABLE))


def example_text() -> str:
    """Return the packaged example; in a checkout it is the top-level clusters.toml."""
    package = Path(__file__).parents[1]
    for path in (package / "bundled" / FILE_NAME, package.parent / FILE_NAME):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ConfigError(FILE_NAME, "the example is missing from this installation", "install raydeck again")
