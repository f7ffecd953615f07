"""Connecting clusters: one that hangs before it answers costs the others nothing, and nothing of it stays behind."""

import socket
import threading
import time
from contextlib import suppress

import pytest
from pipeline.distribution import connected
from pipeline.errors import JobError
from pipeline.far_cluster import ENDED, GREETING, TURN_S, FarCluster, connecting_s
from pipeline.members import Member
from pipeline.turn import Turn

from tests.unit.jobs.test_job_distribution import members_of, parameters, run


@pytest.fixture
def silent():
    """Addresses that take connections and never answer, as those of a stopped process do."""
    listeners = []

    def listen():
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        return f"127.0.0.1:{listeners[-1].getsockname()[1]}"

    yield listen
    for listener in listeners:
        listener.close()


def far_members(given, addresses):
    turn = Turn(TURN_S)
    return [
        Member(number=n, url=f"ray://{a}", cluster=FarCluster(a, given, turn), batches=[0] * given.workers)
        for n, a in enumerate(addresses, start=1)
    ]


def test_clusters_that_take_connections_and_never_answer_are_left_out_together(silent):
    given = parameters(cluster_timeout_s=3)
    members = [*members_of(given, {}), *far_members(given, [silent() for _ in range(6)])]
    began_at = time.monotonic()
    assert connected(members, 30) == members[:1]
    assert time.monotonic() - began_at < 15  # one after the other they would take 18 s
    assert {member.error for member in members[1:]} == {"cannot be reached: timed out"}


@pytest.fixture
def greeting():
    """The address of what answers each connection's first words as gRPC does, and then says nothing more."""
    kept = []

    def greet(listener):
        with suppress(OSError):
            while True:
                kept.append(listener.accept()[0])
                kept[-1].sendall(GREETING[-9:])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for connection in kept:
        connection.close()


def test_who_greets_and_then_hangs_is_left_out_within_its_own_deadline(greeting):
    given = parameters(cluster_timeout_s=3)
    members = [*members_of(given, {}), *far_members(given, [greeting])]
    assert connected(members, connecting_s(given)) == members[:1]
    assert members[1].error == "no answer for 3 s"
    assert connecting_s(parameters(cluster_timeout_s=86400)) < 150  # however long a share of work may take


def take_one(listener, answer):
    """Take one connection, send the answer and close it."""
    connection, _ = listener.accept()
    connection.sendall(answer)
    connection.close()


def test_what_closes_every_connection_at_once_is_no_cluster():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=take_one, args=(listener, b""), daemon=True).start()
        (member,) = far_members(parameters(), [f"127.0.0.1:{listener.getsockname()[1]}"])
        with pytest.raises(JobError, match="cannot be reached"):
            member.cluster.connect()


def test_who_comes_late_is_left_out_and_closed_and_the_others_work():
    given = parameters()
    held = threading.Event()
    members = members_of(given, {}, {}, {})
    members[1].cluster.connect = lambda: held.wait(60)
    began_at = time.monotonic()
    run(given, members, connecting_s=0.2)
    assert time.monotonic() - began_at < 30
    assert members[1].error == "not connected after 0.2 s"
    assert members[1].cluster.closed.wait(5)
    assert len(members[0].files) + len(members[2].files) == given.amount
    held.set()


def test_a_double_is_closed_before_the_work_begins():
    given = parameters()
    members = members_of(given, {}, {}, {})
    members[2].cluster.number = 1
    connected(members, 30)
    assert members[2].cluster.closed.wait(5)
    assert not any(member.cluster.closed.is_set() for member in members[:2])


def test_who_was_closed_connects_no_more():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=take_one, args=(listener, b"\0"), daemon=True).start()
        (member,) = far_members(parameters(), [f"127.0.0.1:{listener.getsockname()[1]}"])
        member.cluster.close()
        with pytest.raises(JobError, match=ENDED):
            member.cluster.connect()


def test_a_turn_is_had_by_one_at_a_time():
    turn, inside, most = Turn(60), [], []

    def work():
        with turn.taken():
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 5


def test_a_turn_that_is_not_given_back_goes_on_to_the_next():
    turn, let_go = Turn(0.1), threading.Event()

    def hang():
        with turn.taken():
            let_go.wait(60)

    thread = threading.Thread(target=hang)
    thread.start()
    try:
        for _ in range(2):
            with turn.taken():
                pass
    finally:
        let_go.set()
        thread.join(30)
