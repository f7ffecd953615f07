"""TARGETS: what ``raydeck render`` can write, one line each, and the function that writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from console.artifacts.compose import compose_files
from console.artifacts.hosts import hosts_files
from console.artifacts.istio import istio_files
from console.artifacts.kuberay import kuberay_files
from console.artifacts.prometheus import prometheus_files
from console.artifacts.services import services_files
from console.artifacts.ssh import ssh_files, sshd_files
from console.config import Config

TARGETS: dict[str, Callable[[Config, Path], dict[str, str]]] = {
    "compose": lambda config, _: compose_files(config),
    "kuberay": lambda config, _: kuberay_files(config),
    "services": lambda config, _: services_files(config),
    "istio": lambda config, _: istio_files(config),
    "ssh": ssh_files,
    "sshd": lambda config, _: sshd_files(config),
    "hosts": lambda config, _: hosts_files(config),
    "prometheus": lambda config, _: prometheus_files(config),
}


def render(config: Config, targets: Sequence[str], home: Path) -> dict[str, str]:
    """Return path -> content of the named targets, in the order of TARGETS; the first folder is the target's name.

    ``home`` is what ``~`` stands for in the files. Raise ConfigError for what a file could not say.
    """
    files: dict[str, str] = {}
    for name, make in TARGETS.items():
        if name in targets:
            files |= make(config, home)
    return files
