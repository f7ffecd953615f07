"""Reading a log backwards from a screen: one page at a time, whoever asks meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from console.errors import RaydeckError

if TYPE_CHECKING:
    from console.app import ConsoleApp

Page = TypeVar("Page")


class Paging:
    """Turns pages; a page that cannot be had is told, and may be asked for again."""

    def __init__(self) -> None:
        self._is_turning = False

    async def turn(self, deck: ConsoleApp, page: Callable[[], Awaitable[Page]], take: Callable[[Page], None]) -> None:
        """Have a page fetched and taken, unless one is under way."""
        if self._is_turning:
            return
        self._is_turning = True
        try:
            found = await page()
        except RaydeckError as error:
            deck.complain(error)
        else:
            take(found)
        finally:
            self._is_turning = False
