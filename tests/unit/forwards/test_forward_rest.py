"""How long a broken tunnel rests: 1 s to 30 s, longer each time, anew after a session that held, short at a knock."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from console.services.forwards.rest import HELD_S, LEAST_S, MOST_S, MOST_UNKNOCKED_S, BackOff, rest


def rests(count: int, jitter: float, held_for_s: float | None = None) -> list[float]:
    back_off = BackOff(lambda: jitter)
    return [back_off.next_rest_s(held_for_s=held_for_s) for _ in range(count)]


def test_it_grows_from_one_second_to_thirty() -> None:
    assert rests(7, 0.0) == [1, 2, 4, 8, 16, 20, 20]
    assert rests(7, 1.0) == [1.5, 3, 6, 12, 24, 30, 30]


def test_a_session_that_held_starts_it_anew_and_one_that_fell_at_once_does_not() -> None:
    assert rests(5, 0.0, HELD_S) == [1, 1, 1, 1, 1]
    assert rests(4, 0.0, HELD_S - 1) == [1, 2, 4, 8]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(0, 1e6), st.floats(1, 60)), max_size=80))
def test_it_never_leaves_its_bounds(steps: list[tuple[float, float | None, float]]) -> None:
    for jitter, held_for_s, most_s in steps:
        back_off = BackOff(lambda jitter=jitter: jitter)
        for _ in range(12):
            assert LEAST_S <= back_off.next_rest_s(held_for_s=held_for_s, most_s=most_s) <= min(MOST_S, most_s)


def test_behind_a_jump_host_it_rests_no_longer_than_lets_it_be_back_in_time() -> None:
    back_off = BackOff(lambda: 1.0)
    assert max(back_off.next_rest_s(held_for_s=None, most_s=MOST_UNKNOCKED_S) for _ in range(9)) == MOST_UNKNOCKED_S


def test_a_rest_ends_when_the_vm_accepts_again_but_not_at_once() -> None:
    slept: list[float] = []
    answers = iter([False, False, True])

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def knock(host: str, port: int) -> bool:
        assert (host, port) == ("vm", 22)
        return next(answers)

    asyncio.run(rest(1000.0, ("vm", 22), knock=knock, sleep=sleep))
    assert slept[0] == LEAST_S
    assert len(slept) == 3


def test_without_a_place_to_knock_at_it_rests_to_the_end() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def knock(host: str, port: int) -> bool:
        raise AssertionError((host, port))

    asyncio.run(rest(7.0, None, knock=knock, sleep=sleep))
    assert slept == [7.0]
