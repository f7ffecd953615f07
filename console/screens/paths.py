"""PathScreen: what the tunnels table and a ladder share: they follow walks and forwards, and act on one cluster."""

from __future__ import annotations

from collections.abc import Callable

from console.messages import TunnelDownAsked, TunnelUpAsked
from console.model.check import ClusterChecks
from console.model.forward import KeptTunnel
from console.screens.framed import FramedScreen


class PathScreen(FramedScreen):
    """Shown anew after each walk; many walks between two frames are one repaint."""

    def __init__(self) -> None:
        super().__init__()
        self._end_listening: list[Callable[[], None]] = []
        self._is_behind = False

    def on_mount(self) -> None:
        """Follow the walks and the forwards as long as the screen lives."""
        self._end_listening = [
            self.deck.core.prober.listen(lambda _: self._paths_changed()),
            self.deck.core.forwards.listen(lambda _: self._paths_changed()),
        ]

    def on_unmount(self) -> None:
        """Follow no longer."""
        for end in self._end_listening:
            end()

    def _paths_changed(self) -> None:
        if not self._is_behind and self.is_current:
            self._is_behind = True
            self.call_later(self._catch_up)

    def _catch_up(self) -> None:
        self._is_behind = False
        self.show_keys()
        self.show_paths()

    def show_paths(self) -> None:
        """Show what the last walks found."""
        raise NotImplementedError

    def show_fleet(self) -> None:
        """Show the head, and the paths."""
        super().show_fleet()
        self.show_paths()

    def show_time(self) -> None:
        """Let ages grow."""
        super().show_time()
        self.show_paths()

    @property
    def chosen(self) -> str | None:
        """Return the cluster that keys act on."""
        raise NotImplementedError

    @property
    def checks(self) -> ClusterChecks | None:
        """Return what is known of that cluster's path."""
        return next((each for each in self.deck.core.prober.clusters if each.cluster == self.chosen), None)

    @property
    def kept(self) -> KeptTunnel | None:
        """Return how this console keeps that cluster's forwards open, None where it does not."""
        return None if self.chosen is None else self.deck.core.forwards.of_cluster(self.chosen)

    @property
    def has_forwards(self) -> bool:
        """Return whether this machine opens forwards for that cluster: to reach it, or because it runs here."""
        checks = self.checks
        return checks is not None and (checks.reach == "forward" or checks.is_here)

    def action_check(self) -> None:
        """Walk the path at once."""
        if self.checks is not None:
            self.deck.core.prober.ask_now(self.checks.cluster)
            self.deck.tell(f"walking the path to {self.checks.cluster}")

    def action_up(self) -> None:
        """Ask for the forwards to be opened and kept open."""
        if self.chosen is not None:
            self.post_message(TunnelUpAsked(self.chosen))

    def action_down(self) -> None:
        """Ask for the forwards to be closed."""
        if self.chosen is not None:
            self.post_message(TunnelDownAsked(self.chosen))
