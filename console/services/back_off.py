"""How long to rest before asking again: the longer, the more often it failed, and never all at once."""

from __future__ import annotations


def rest_after(failures: int, refresh_s: float, longest_s: float, jitter: float) -> float:
    """Return the rest in seconds after so many failures in a row, at most ``longest_s``; ``jitter`` is from 0 to 1.

    The jitter only shortens it: what recovers is to be seen within the longest rest.
    """
    if failures == 0:
        return refresh_s
    longest_s = max(refresh_s, longest_s)
    return max(refresh_s, min(longest_s, refresh_s * 2.0 ** min(failures, 8)) * (0.8 + 0.2 * jitter))
