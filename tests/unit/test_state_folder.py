"""The state folder: where it lies, that it is private, that a file is whole or not there, that a lock excludes."""

import asyncio
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import RaydeckError
from console.services.state_folder import StateFolder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_it_lies_where_xdg_says():
    assert StateFolder.from_environment({"XDG_STATE_HOME": "/x", "HOME": "/h"}).path == Path("/x/raydeck")


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_without_an_absolute_xdg_folder_it_lies_at_home(value):
    folder = StateFolder.from_environment({"XDG_STATE_HOME": value, "HOME": "/h"})
    assert folder.path == Path("/h/.local/state/raydeck")


def test_what_is_written_is_private_and_read_back(tmp_path):
    state = StateFolder(tmp_path / "deep" / "raydeck")
    path = state.write(b"secret", "embedded", "one.token")
    assert state.read("embedded", "one.token") == b"secret"
    assert (mode(path), mode(path.parent), mode(state.path)) == (0o600, 0o700, 0o700)


def test_a_folder_that_was_open_to_others_is_closed(tmp_path):
    tmp_path.chmod(0o777)
    StateFolder(tmp_path).write(b"x", "file")
    assert mode(tmp_path) == 0o700


def test_a_failed_write_leaves_the_old_content_and_no_draft(tmp_path):
    state = StateFolder(tmp_path)
    (state.folder("taken") / "inside").write_bytes(b"")
    with pytest.raises(OSError, match="directory"):
        state.write(b"new", "taken")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["taken"]


def test_the_last_file_takes_its_folder_along(tmp_path):
    state = StateFolder(tmp_path)
    state.write(b"1", "sub", "one")
    state.write(b"2", "sub", "two")
    state.remove("sub", "one")
    assert state.read("sub", "two") == b"2"
    state.remove("sub", "two")
    assert list(tmp_path.iterdir()) == []
    assert state.read("sub", "two") is None


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RaydeckError, match="XDG_STATE_HOME"):
        StateFolder(tmp_path / "file" / "raydeck").folder()


@given(st.text(max_size=12))
def test_no_name_leads_out_of_the_folder(name):
    state = StateFolder(Path("/state"))
    try:
        path = state.at(name)
    except ValueError:
        return
    assert path.parent == state.path
    assert not name.startswith(".")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", ".hidden", "a\0b", "a\n", "/abs"])
def test_paths_are_no_names(name):
    with pytest.raises(ValueError, match="no name"):
        StateFolder(Path("/state")).at("embedded", name)


def test_the_lock_admits_one_at_a_time(tmp_path):
    inside, most = 0, 0

    async def enter():
        nonlocal inside, most
        async with StateFolder(tmp_path).locked():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    async def main():
        await asyncio.gather(*(enter() for _ in range(4)))

    asyncio.run(main())
    assert (inside, most) == (0, 1)
