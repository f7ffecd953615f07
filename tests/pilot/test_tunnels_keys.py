"""Tunnels mode and the ladder by keyboard: what they show of good, broken and unverified paths, and what keys do."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil

from console.model.check import Standing
from console.screens.clusters import ClustersScreen
from console.screens.ladder import LadderScreen
from console.screens.tunnels import TunnelsScreen
from tests.pilot.deck import NOON, Deck, deck
from tests.pilot.paths import BEFORE, START, broken, four_clusters, four_paths, good, prober_of, with_paths

STANDS = """#!/bin/sh
[ "$1" = -G ] && exit 1
echo 'debug1: ssh.c:ssh_init_forwarding():2039 (pid=1): expecting replies for 0 forwards' >&2
exec sleep 300
"""
REFUSES = "#!/bin/sh\necho 'op@vm: Permission denied (publickey).' >&2\nexit 255\n"


def clusters() -> dict[str, dict[str, object]]:
    """Four clusters; the dashboard's forward has a free port."""
    found = four_clusters()
    with socket.create_server(("127.0.0.1", 0)) as server:
        found["local-3"]["dashboard"] = f"http://127.0.0.1:{server.getsockname()[1]}"
    return found


@asynccontextmanager
async def paths(
    folder: Path, size: tuple[int, int] = (120, 36), ssh: str = STANDS, *, read_only: bool = False
) -> AsyncIterator[Deck]:
    """The console on four paths, with an ssh that only plays its part."""
    (folder / "ssh").write_text(ssh)
    (folder / "ssh").chmod(0o755)
    prepare = with_paths(*four_paths())
    environ = {"PATH": f"{folder}:{os.environ['PATH']}"}
    async with deck(
        folder, clusters(), size=size, before=BEFORE, prepare=prepare, environ=environ, read_only=read_only
    ) as console:
        await console.press("3")
        await console.shows("DASHBOARD")
        yield console


def children() -> set[int]:
    """The programs that this process runs; what ends while it is looked at is none."""
    found = psutil.process_iter(["ppid", "name"])
    return {one.pid for one in found if one.info["ppid"] == os.getpid() and one.info["name"] in {"sleep", "ssh", "sh"}}


async def test_the_matrix_shows_latency_last_success_and_what_was_never_seen(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        assert console.line("local-1").count("✓") == 6
        console.line("local-1", "✓ 38 ms", "✓ 1.2 s")
        assert console.line("local-2").count("✗ 21:55:47") == 5
        console.line("local-3", "✓ 38 ms", "✗ never", "no")
        assert "ms" not in console.line("local-4")
        assert console.line("local-4").count("∙") == 6


async def test_the_line_below_tells_the_break_since_when_and_what_to_type(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        console.line("local-1 5 of 5 services answer")
        await console.press("j")
        console.line("local-2 is broken at route since 21:55:49: 503 from the gateway")
        console.line(START)
        await console.press("j")
        console.line("local-3 is broken at bytes (serve) since 20:58:20", "no application serves there")
        await console.press("j")
        console.line("local-4 is being walked for the first time")


async def test_enter_opens_the_ladder_and_escape_closes_it(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("j", "enter")
        assert isinstance(console.app.screen, LadderScreen)
        console.line("tunnel local-2 → dashboard", "down 4 m 11 s, 1 flap", "checked 1 s ago")
        for words in (("✓ name", "1 ms"), ("✓ gateway", "38 ms"), ("✗ route", "since 21:55:49"),
                      ("GET /api/version", "503 after 41 ms"), ("ssh says", "private address only"), (START,),
                      ("∙ bytes", "not reached"), ("∙ identity",), ("prometheus", "EOF")):  # fmt: skip
            console.line(*words)
        await console.press("escape")
        assert isinstance(console.app.screen, TunnelsScreen)


async def test_t_on_a_cluster_opens_its_ladder(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("1", "j", "t")
        console.line("tunnel local-2 → dashboard")
        await console.press("escape")
        assert isinstance(console.app.screen, ClustersScreen)


async def test_a_ladder_opens_at_the_broken_service_and_tab_turns_to_the_others(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("G", "k", "enter")
        console.line("tunnel local-3 → serve", "down 1 h 1 m")
        for key, service in (("tab", "dashboard"), ("right", "client"), ("left", "dashboard"), ("shift+tab", "serve")):
            await console.press(key)
            console.line(f"tunnel local-3 → {service}")
        await console.press("tab")
        console.line("up 3 d 4 h, 2 flaps")


async def test_c_walks_the_path_under_the_cursor_at_once(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("j", "c", "enter", "c")
        assert prober_of(console.core).asked == ["local-2", "local-2"]
        assert "walking the path to local-2" in console.messages


async def test_r_walks_every_path_at_once(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("r")
        assert prober_of(console.core).asked == ["local-1", "local-2", "local-3", "local-4"]


async def test_a_walk_that_is_old_verifies_nothing_any_more(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        row = console.table.rows_shown.rows["local-1"]
        assert not row.stale
        await console.tick(60)
        row = console.table.rows_shown.rows["local-1"]
        assert row.stale
        assert not row.cells[0].fresh
        console.line("local-1", "1 m")


async def test_a_walk_that_ends_is_shown_and_the_cursor_stays(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("j")
        prober_of(console.core).tell(good("local-2", "gateway"))
        await console.shows("local-2 5 of 5 services answer")
        assert console.table.cursor_key == "local-2"
        await console.press("enter")
        prober_of(console.core).tell(broken("local-2"))
        await console.shows("✗ route")


async def test_a_screen_that_is_gone_hears_no_more(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        before = len(prober_of(console.core).listeners)
        await console.press("enter", "escape")
        await console.until(lambda: len(prober_of(console.core).listeners) == before)


async def test_y_copies_the_fix_of_a_break_and_else_the_command(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("y")
        assert console.app.clipboard == "raydeck check"
        await console.press("enter", "y")
        assert console.app.clipboard == "raydeck check local-1"
        await console.press("escape", "j", "enter", "y")
        assert console.app.clipboard == START  # the hint says where, too, and no shell takes that


async def test_u_opens_forwards_that_d_closes_and_the_console_ends(tmp_path: Path) -> None:
    earlier = children()
    async with paths(tmp_path) as console:
        await console.press("j", "j", "u")
        await console.until(lambda: console.messages, "for the result")
        command = "raydeck tunnel up local-3  (Y copies it)"
        assert console.messages == [f"local-3: its forwards are open, for as long as this console {command}"]
        console.line("local-3", "● up")
        assert len(children() - earlier) == 1
        await console.press("enter")
        console.line("● kept open", "up for", "restarts: 0", "ssh pid")
        await console.press("d")
        await console.shows("not by this console")
        assert children() <= earlier
        await console.press("u")
        await console.until(lambda: children() - earlier)
    assert children() <= earlier


async def test_u_on_the_clusters_own_computer_opens_its_reverse_forwards(tmp_path: Path) -> None:
    earlier = children()
    async with paths(tmp_path) as console:
        prober_of(console.core).tell(msgspec.structs.replace(good("local-1"), is_here=True))
        await console.shows("u up   d down")
        await console.press("u")
        await console.until(lambda: console.messages, "for the result")
        assert [tunnel.key for tunnel in console.core.forwards.tunnels] == ["reverse:local-1"]
        console.line("local-1", "● up")
        await console.core.follow_forwards()
        assert len(children() - earlier) == 1
        await console.press("d")
        await console.until(lambda: console.core.forwards.tunnels == ())
    assert children() <= earlier


async def test_u_that_cannot_work_says_why_and_what_to_do(tmp_path: Path) -> None:
    async with paths(tmp_path, ssh=REFUSES) as console:
        await console.press("j", "j", "u")
        await console.until(lambda: console.messages, "for the result")
        assert "local-3: forwards given-up: the VM refuses our key" in console.messages[0]
        console.line("local-3", "✗ given-up")
        console.line("ssh-copy-id vm")


async def test_u_on_a_cluster_without_forwards_teaches(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        await console.press("j", "u")
        await console.until(lambda: console.messages, "for the refusal")
        assert "is reached through the gateway and needs no forward" in console.messages[0]
        assert 'reach = "forward"' in console.messages[0]


async def test_read_only_refuses_u_and_d_and_does_not_offer_them(tmp_path: Path) -> None:
    async with paths(tmp_path, read_only=True) as console:
        await console.press("j", "j")
        assert " u up" not in console.lines()[-1]
        for key in ("u", "d"):
            await console.press(key)
        await console.until(lambda: len(console.messages) == 2, "for two refusals")
        assert all("read-only" in message for message in console.messages)
        assert console.core.forwards.tunnels == ()


async def test_the_footer_offers_what_works_on_this_path(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        assert " u up" not in console.lines()[-1]
        await console.press("j", "j")
        assert "Enter ladder   c check now   u up   d down" in console.lines()[-1]


async def test_without_clusters_it_teaches(tmp_path: Path) -> None:
    async with deck(tmp_path, {}, prepare=with_paths()) as console:
        console.core.prober = prober_of(console.core)  # type: ignore[assignment]
        await console.press("3")
        await console.shows("no clusters, so no tunnels yet", 'tunnel = { via = "vm", slot = 1 }', "config example")
        assert "ladder" not in console.lines()[-1]


async def test_only_changed_cells_are_repainted(tmp_path: Path) -> None:
    async with paths(tmp_path) as console:
        table, painted = console.table, []
        render = table.render_line
        table.render_line = lambda y: (painted.append(y), render(y))[1]  # type: ignore[method-assign]
        await console.tick()
        assert painted == []
        changed = good("local-1")
        serve = msgspec.structs.replace(changed.ladders[4], standing=Standing(last_ok_at=NOON, flaps=3))
        prober_of(console.core).tell(msgspec.structs.replace(changed, ladders=(*changed.ladders[:4], serve)))
        await console.until(lambda: painted, "for the repaint")
        assert painted == [1]
