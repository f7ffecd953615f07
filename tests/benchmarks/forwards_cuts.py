"""What test_forwards_bench.py runs inside namespaces: ten computers' kept forwards, cut a hundred times, and moved.

Each computer has a raydeck that keeps its forward open, and a watcher that sends bytes through it ten times a second
and notes when they came back: on the computer itself for local forwards, on the VM for reverse ones. A cut's recovery
is the time from plugging in to the first bytes that came back, and whether a stale listener was named meanwhile. A
reverse forward that moved leaves such a listener behind for certain: its hint is followed, and the time is taken then.
"""

import json
import random
import re
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

from tests.live.forwards_lab import SERVICES, Lab
from tests.live.topology import until

COMPUTERS = tuple(f"c{number}" for number in range(10))
CUTS_S = range(1, 11)
PORT, INNER_PORT = SERVICES["dashboard"], 8265
STALE = "stale session"
GIVE_UP_S = 60.0
CLUSTER = """
[[clusters]]
name = "{name}"
kind = "local"
tunnel = {{ via = "vm", slot = {slot} }}
"""
WATCH = """
import socket, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.4) as there:
            there.settimeout(0.4)
            there.sendall(b"there?")
            if there.recv(6) == b"there?":
                print(time.monotonic(), flush=True)
    except OSError:
        pass
    time.sleep(0.1)
"""


class Ward:
    """One computer: its raydeck, its watcher, and what its cuts cost."""

    def __init__(self, lab: Lab, number: int, direction: str) -> None:
        self.lab, self.name, self.direction = lab, COMPUTERS[number], direction
        self.recoveries: list[tuple[float, bool]] = []
        environ = lab.environ | {"XDG_STATE_HOME": str(lab.folder / f"state-{self.name}")}
        what, place = [], (self.name, "127.0.0.1", PORT)
        if direction == "reverse":
            what, place = ["--reverse", self.name], ("vm", lab.vm, PORT + number)
            lab.start_echo(self.name, "127.0.0.1", INNER_PORT)
        lab.lan.start(self.name, f"up-{self.name}", *lab.command("tunnel", "up", *what), environ=environ)
        watcher, *where = place
        lab.lan.start(watcher, f"watch-{self.name}", sys.executable, "-S", "-c", WATCH, *map(str, where))

    def last_seen(self) -> float:
        """When bytes came back last."""
        told = self.lab.lan.told(f"watch-{self.name}").rsplit("\n", 2)
        return float(told[-2]) if len(told) > 1 else 0.0

    def cut(self, order: list[int]) -> None:
        for cut_s in order:
            self.lab.pull_cable(self.name)
            time.sleep(cut_s)
            self.lab.plug_in(self.name)
            self.note(time.monotonic())

    def move(self, addresses: list[str]) -> None:
        for old, new in pairwise(addresses):
            self.lab.readdress(self.name, old, new)
            is_named = self.direction == "reverse" and self.end_stale(time.monotonic())
            self.note(time.monotonic(), is_named=is_named)

    def end_stale(self, moved_at: float) -> bool:
        """Follow the hint that names a stale listener; return whether there was one."""
        until(lambda: self.stale_pid() or self.last_seen() > moved_at, GIVE_UP_S)
        if pid := self.stale_pid():
            self.lab.lan.run("vm", "kill", pid)
        return bool(pid)

    def stale_pid(self) -> str:
        """What the hint tells to end on the VM, empty while it tells nothing of that."""
        for path in (self.lab.folder / f"state-{self.name}" / "raydeck" / "tunnels").glob("foreground-*.json"):
            found = re.fullmatch(r"ssh vm kill (\d+)", json.loads(path.read_text())["tunnels"][0]["hint"])
            return found[1] if found else ""
        return ""

    def note(self, back_at: float, *, is_named: bool = False) -> None:
        """Wait until bytes come back after this moment, and for a while longer; note how long it took."""
        told_before = len(self.lab.lan.told(f"up-{self.name}"))
        until(lambda: self.last_seen() > back_at, GIVE_UP_S)
        seen = [float(line) for line in self.lab.lan.told(f"watch-{self.name}").splitlines()]
        after = [at for at in seen if at > back_at]
        is_named |= STALE in self.lab.lan.told(f"up-{self.name}")[told_before:]
        self.recoveries.append((after[0] - back_at if after else GIVE_UP_S, is_named))
        time.sleep(random.uniform(1, 3))


def together(wards: list[Ward], work) -> list[tuple[float, bool]]:
    """Have all computers suffer at once; return every recovery."""
    for ward in wards:
        ward.recoveries.clear()
    threads = [threading.Thread(target=work, args=(ward,)) for ward in wards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [recovery for ward in wards for recovery in ward.recoveries]


def addresses_of(ward: Ward, number: int) -> list[str]:
    """The addresses that a computer has one after the other."""
    return [ward.lab.lan.address[ward.name], f"10.77.0.{100 + number}", f"10.77.0.{150 + number}"]


def main(folder: Path, direction: str) -> None:
    lab = Lab(folder, COMPUTERS)
    if direction == "reverse":
        clusters = (CLUSTER.format(name=name, slot=slot) for slot, name in enumerate(COMPUTERS, 1))
        gate = f'[ssh.vm]\nhost = "vm"\nprivate_ip = "{lab.vm}"\n'
        (folder / "clusters.toml").write_text(gate + "".join(clusters))
    else:
        lab.start_echo("vm", lab.vm, PORT)
    wards = [Ward(lab, number, direction) for number in range(len(COMPUTERS))]
    for ward in wards:
        assert until(ward.last_seen, GIVE_UP_S), lab.lan.told(f"up-{ward.name}")
    cuts = together(wards, lambda ward: ward.cut(random.sample(CUTS_S, len(CUTS_S))))
    moves = together(wards, lambda ward: ward.move(addresses_of(ward, wards.index(ward))))
    print(json.dumps({"cuts": cuts, "moves": moves}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
