"""A working dir as a package: the address is the one of Ray's own client, and what must not be sent is left out."""

from __future__ import annotations

import asyncio
import zipfile
from inspect import signature
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray._private.runtime_env.packaging import create_package, get_uri_for_directory

from console.clients.dashboard import DashboardClient
from console.errors import ReplyError, UsageError
from console.model.cluster import ClusterSpec
from console.model.shipped import Shipped
from console.services import packaging
from console.services.packaging import EXCLUDES, look_at
from console.services.shipping import ship
from tests.fakes.head import fake_head

NAMES = st.sampled_from(["a.py", "b.pyc", "data.csv", "venv", ".git", "sub", "__pycache__", "ü x.txt", "keep.log"])
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.binary(max_size=40), min_size=1, max_size=8
)
IGNORES = st.lists(st.sampled_from(["*.csv", "sub/", "!keep.log", "*.log", "# note", "/a.py"]), max_size=3)
# Ray 2.49.2 takes .gitignore into account unasked, and does not know .rayignore, which we heed there, too.
SAID = (True,) if "include_gitignore" in signature(get_uri_for_directory).parameters else ()


def make(root: Path, tree: dict[tuple[str, ...], bytes], ignores: dict[str, list[str]]) -> None:
    for parts, content in tree.items():
        path = root.joinpath(*parts)
        if not any(parent.is_file() for parent in path.parents) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for name, lines in ignores.items():
        (root / name).write_text("\n".join(lines))


@settings(deadline=None, max_examples=40)
@given(tree=TREES, gitignore=IGNORES, rayignore=IGNORES)
def test_address_and_archive_are_those_of_rays_own_client(tmp_path_factory, tree, gitignore, rayignore) -> None:
    root = tmp_path_factory.mktemp("work")
    make(root, tree, {".gitignore": gitignore, ".rayignore": rayignore if SAID else []})
    package = look_at(root)
    assert package.address() == get_uri_for_directory(str(root), *SAID, excludes=list(EXCLUDES))
    ours, rays = root.parent / f"{root.name}-ours.zip", root.parent / f"{root.name}-rays.zip"
    package.write(ours)
    create_package(str(root), rays, *SAID, excludes=list(EXCLUDES))
    assert _content(ours) == _content(rays)


def _content(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_git_byte_code_and_virtual_environments_of_any_name_are_left_out(tmp_path: Path) -> None:
    for name in (".git/HEAD", "venv/bin/python", "env-of-mine/pyvenv.cfg", "env-of-mine/lib/x.py", "a/__pycache__/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "job.py").write_text("print()")
    sent = {str(path.relative_to(tmp_path)) for path in look_at(tmp_path).paths if path.is_file()}
    assert sent == {"job.py"}


def test_more_than_100_mib_is_refused_with_what_is_biggest(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, mib in (("data/big.bin", 90), ("data/second.bin", 12), ("job.py", 0)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(mib * 1024**2)  # sparse: nothing is written
    with pytest.raises(UsageError, match=r"is 102 MiB, more than the 100 MiB.*: data/big.bin 90.0 MiB, data/second"):
        look_at(tmp_path)


def test_too_many_files_and_no_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}").touch()
    monkeypatch.setattr(packaging, "MOST_PATHS", 3)
    with pytest.raises(UsageError, match="holds more than 3 files"):
        look_at(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        look_at(tmp_path / "none")


def test_the_size_is_told_first_then_progress_and_the_second_time_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"x" * 1_000_000)

    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            dashboard = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=head.url), None)
            told: list[Shipped] = []
            address = await ship(dashboard.packages, tmp_path, told.append, 30.0)
            assert told[0] == Shipped(1_000_000, 1)
            sent = [shipped.sent_bytes for shipped in told[1:]]
            assert sent == sorted(sent)
            assert sent[-1] == told[-1].size_bytes > 1_000_000
            assert list(head.packages) == [f"/api/packages/gcs/{address.removeprefix('gcs://')}"]
            head.packages = dict.fromkeys(head.packages, b"kept")
            assert await ship(dashboard.packages, tmp_path, told.append, 30.0) == address
            assert set(head.packages.values()) == {b"kept"}
            await dashboard.close()

    asyncio.run(scenario())


def test_a_head_that_refuses_the_package_is_said(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("x")

    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            head.trouble = "error"
            dashboard = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=head.url), None)
            with pytest.raises(ReplyError, match="HTTP 500"):
                await ship(dashboard.packages, tmp_path, lambda _: None, 30.0)
            await dashboard.close()

    asyncio.run(scenario())
