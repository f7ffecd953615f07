"""How far a working dir is on its way to a head."""

from __future__ import annotations

from msgspec import Struct


class Shipped(Struct, frozen=True):
    """``sent_bytes`` None: it is being looked at, or it was there already."""

    size_bytes: int
    file_count: int
    sent_bytes: int | None = None
