"""Who answers: the same, a head that was restarted, another configured cluster, or one that nobody knows."""

import msgspec
import pytest

from console.model.failure import Failure
from console.services.identity import IdentityMemory, Known, judge
from console.services.state_folder import StateFolder

NOON = 1_795_384_800.0


def known(
    session="session_2026-11-22_08-00-00_1_1", *, at="http://127.0.0.1:8100", seen_at=NOON, started_at=None, nodes=()
):
    return Known(at, session, "2.49.2", seen_at, started_at, nodes)


OTHER = known("session_2026-11-22_09-00-00_2_2", at="http://127.0.0.1:8101")


def test_the_first_one_is_believed():
    assert judge(known(), None, {"b": OTHER}, {"b": OTHER}).failure is None


def test_the_same_session_is_the_same_cluster():
    assert judge(known(), known(), {}, {}).restarted_at is None


def test_a_restart_is_told_with_its_time():
    now = known("session_new", started_at=NOON + 60)
    found = judge(now, known(seen_at=NOON), {"b": OTHER}, {"b": OTHER})
    assert (found.failure, found.restarted_at) == (None, NOON + 60)


def test_a_head_that_ran_while_the_old_one_still_answered_is_another():
    found = judge(known("session_new", started_at=NOON - 3600), known(seen_at=NOON), {}, {})
    assert found.failure is Failure.STRANGER


@pytest.mark.parametrize(
    ("session", "failure"),
    [("session_2026-11-22_07-00-00_9_9", Failure.STRANGER), ("session_2026-11-22_12-00-00_9_9", None),
     ("no stamp at all", None)],
)  # fmt: skip
def test_without_a_start_the_sessions_name_tells(session, failure):
    assert judge(known(session), known(), {}, {}).failure is failure


def test_the_session_that_is_remembered_of_another_cluster_is_that_cluster():
    here = known(OTHER.session_name)
    found = judge(here, known(), {}, {"b": OTHER})
    assert (found.failure, found.other) == (Failure.OTHER_CLUSTER, "b")


def test_the_rightful_owner_is_not_blamed_for_the_one_who_took_its_place():
    assert judge(OTHER, OTHER, {"a": known(OTHER.session_name)}, {"a": known()}).failure is None


def test_two_that_answer_alike_and_are_not_remembered_are_both_in_doubt():
    twin = known(OTHER.session_name)
    assert judge(OTHER, None, {"a": twin}, {}).failure is Failure.TWICE
    assert judge(twin, None, {"b": OTHER}, {}).failure is Failure.TWICE


def test_a_node_of_another_cluster_tells_as_its_session_does():
    here, there = known("session_a", nodes=("n1", "n2")), known("session_b", nodes=("n2", "n3"))
    owned = judge(here, None, {}, {"b": there})
    assert (owned.failure, owned.detail) == (Failure.OTHER_CLUSTER, "answers as b: node n2")
    twice = judge(here, None, {"b": there}, {})
    assert (twice.failure, twice.other) == (Failure.TWICE, "b")
    apart = judge(here, None, {"b": known("session_b", nodes=("n3",))}, {})
    assert apart.failure is None


def test_a_head_that_comes_back_with_its_own_nodes_is_no_stranger():
    before = known("session_a", seen_at=NOON, nodes=("n1", "n2"))
    found = judge(known("session_b", started_at=NOON - 3600, nodes=("n2",)), before, {}, {})
    assert (found.failure, found.restarted_at) == (None, NOON - 3600)


def test_what_answered_at_another_address_says_nothing_of_this_one():
    before = known(at="http://10.0.0.1:8265", seen_at=NOON)
    assert judge(known("session_x", started_at=1.0), before, {}, {}).failure is None


def test_memory_outlives_the_console_and_is_private(tmp_path):
    IdentityMemory(StateFolder(tmp_path), lambda: NOON).put("local-1", known())
    later = IdentityMemory(StateFolder(tmp_path), lambda: NOON)
    assert later.get("local-1") == known()
    file = tmp_path / "identities" / "local-1.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert later.path("local-1") == str(file)


def test_what_the_operator_removes_is_forgotten(tmp_path):
    memory = IdentityMemory(StateFolder(tmp_path), lambda: NOON)
    memory.put("local-1", known())
    (tmp_path / "identities" / "local-1.json").unlink()
    memory.forget_removed("local-1")
    assert memory.get("local-1") is None


def test_read_only_keeps_nothing_on_disk(tmp_path):
    memory = IdentityMemory(StateFolder(tmp_path), lambda: NOON, lambda: False)
    memory.put("local-1", known())
    memory.forget_removed("local-1")
    assert memory.get("local-1") == known()
    assert list(tmp_path.iterdir()) == []


def test_the_disk_is_written_when_it_changes_and_seldom_otherwise(tmp_path):
    now = [NOON]
    memory, file = IdentityMemory(StateFolder(tmp_path), lambda: now[0]), tmp_path / "identities" / "a.json"
    for seconds, seen in ((0, 0), (5, 0), (31, 31)):
        now[0] = NOON + seconds
        memory.put("a", known(seen_at=now[0]))
        assert msgspec.json.decode(file.read_bytes(), type=Known).seen_at == NOON + seen


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"dashboard": 1}'])
def test_a_damaged_file_is_no_memory(tmp_path, content):
    (tmp_path / "identities").mkdir()
    (tmp_path / "identities" / "a.json").write_bytes(content)
    assert IdentityMemory(StateFolder(tmp_path), lambda: NOON).get("a") is None
