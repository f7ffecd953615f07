"""Folders of control sockets: private, short, removed, and what a killed process left is taken away by the next."""

import os
import time

from console.clients.socket_folder import SocketFolder, remove_left_behind

LONG_AGO = time.time() - 3600


def test_a_folder_is_private_and_goes(tmp_path):
    folder = SocketFolder(tmp_path)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert not folder.has_socket
    (folder.path / "socket").touch()
    assert folder.has_socket
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path):
    left, young, other = (tmp_path / name for name in ("rd-left", "rd-young", "not-ours"))
    for path in (left, young, other):
        path.mkdir()
        (path / "socket").touch()
    living = SocketFolder(tmp_path)
    for path in (left, living.path, other):
        os.utime(path, (LONG_AGO, LONG_AGO))
    remove_left_behind(tmp_path)
    assert set(tmp_path.iterdir()) == {young, living.path, other}
    living.remove()


def test_a_link_is_not_followed(tmp_path):
    aim = tmp_path / "aim"
    aim.mkdir()
    (tmp_path / "rd-link").symlink_to(aim)
    os.utime(tmp_path / "rd-link", (LONG_AGO, LONG_AGO), follow_symlinks=False)
    remove_left_behind(tmp_path)
    assert aim.exists()
