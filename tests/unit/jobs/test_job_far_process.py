"""Connecting to another cluster: a server that died at its start there is asked for again, nothing else is."""

import pytest
from pipeline import far_process


@pytest.fixture
def answers(monkeypatch):
    """What Ray's client says at each attempt; the attempts it got are kept in ``asked``."""
    said = []

    def init(*_):
        answer = said.pop(0)
        if answer is not None:
            raise answer

    monkeypatch.setattr(far_process, "_init", init)
    monkeypatch.setattr(far_process.ray, "shutdown", lambda: None)
    return said


DIED = ConnectionAbortedError(f"Initialization failure from server:\n{far_process.SERVER_DIED[0]}. See x.err")


@pytest.mark.parametrize("words", far_process.SERVER_DIED)
def test_a_server_that_died_at_its_start_is_asked_for_again(answers, words):
    answers += [DIED, ConnectionAbortedError(f"Initialization failure from server:\nTraceback: {words}."), None]
    far_process._connect("h:1", {})
    assert answers == []


@pytest.mark.parametrize(
    ("first", "told"),
    [(DIED, far_process.SERVER_DIED[0]), (ConnectionAbortedError("versions differ"), "versions differ")],
)
def test_what_fails_again_and_again_or_otherwise_is_told(answers, first, told):
    answers += [first, DIED, DIED]
    with pytest.raises(ConnectionAbortedError, match=told):
        far_process._connect("h:1", {})
