"""Finding bundles in folders, and refusing those that could not work with the file and the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from console.bundles.bundle import Bundle, Declaration
from console.bundles.document import split_path
from console.errors import ConfigError, ParameterError


def bundled_folder() -> Path:
    """Return the folder of the jobs that come with raydeck: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "bundled" / "jobs"
    return installed if installed.is_dir() else package.parent / "jobs"


def find_bundles(folders: Sequence[Path]) -> dict[str, Bundle]:
    """Return the bundles of all folders by name. Raise ConfigError for a bad file and for a name that is there twice.

    Only a toml with its ``.py`` beside it is a bundle: folders may hold other toml files.
    """
    bundles: dict[str, Bundle] = {}
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        if not folder.is_dir():
            raise ConfigError(str(folder), "is not a folder of jobs", "see [jobs] paths in clusters.toml")
        for path in sorted(folder.glob("*.toml")):
            if path.with_suffix(".py").is_file():
                _add(bundles, path)
    return bundles


def _add(bundles: dict[str, Bundle], path: Path) -> None:
    clash = bundles.get(path.stem)
    if clash is not None:
        other = clash.folder / path.name
        raise ConfigError(str(path), f"the job {path.stem} is also in {other}", "rename one of them")
    bundles[path.stem] = load_bundle(path)


def load_bundle(path: Path) -> Bundle:
    """Read one declaration. Raise ConfigError naming the file and the key."""
    try:
        declared = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Declaration)
        bundle = Bundle(path.stem, path.parent, declared)
        _check_paths(bundle)
        bundle.check(bundle.defaults())
    except (OSError, ValueError, ParameterError) as error:  # msgspec's and tomllib's errors are ValueErrors
        raise ConfigError(str(path), str(error)) from error
    return bundle


def _check_paths(bundle: Bundle) -> None:
    declared = bundle.declared
    paths = [path for parameter in declared.parameters for path in parameter.paths] + list(declared.filled.values())
    for path in paths:
        if len(split_path(path)) != 2:
            raise ParameterError(path, "expected section.key")
        if paths.count(path) > 1:
            raise ParameterError(path, "is declared twice")
    numbers = {parameter.path for parameter in declared.parameters if parameter.type in {"int", "float"}}
    for resources in (declared.resources, declared.other_resources):
        for path in (*resources.cpus_each, *resources.memory_gib_each, *resources.gpus_each):
            if path not in numbers:
                raise ParameterError(path, "resources depend on it, but it is not a parameter with a number")
