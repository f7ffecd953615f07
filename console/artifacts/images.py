"""The images that Compose and KubeRay start: one Ray, so that any cluster's driver can be a client of any other."""

from __future__ import annotations

from typing import Literal

RAY_VERSION = "2.49.2"
REPOSITORY = "rayproject/ray"
Variant = Literal["cpu", "gpu"]
VARIANTS: tuple[Variant, ...] = ("cpu", "gpu")
CPUS_PER_NODE = 3  # head and worker together make the 6 that the bundled jobs need


def tag(variant: Variant) -> str:
    """Return the image's tag; Ray client wants one Ray and one Python on both sides."""
    return f"{RAY_VERSION}.7b0af3-py312-{variant}"
