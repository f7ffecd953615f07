"""The steps of deploy/README.md that need neither Docker nor Kubernetes, typed as they stand there by new users.

Operator, laptop and VM are folders: HOME is empty and new, ``sudo`` is nothing, ``/etc`` and ``/run`` are folders of
the test. Lines that reach another host are left out, and what scp would bring is copied; tests/live/deploy_scenario.py
types those lines between namespaces.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import runbook

ELSEWHERE = ("ssh GPU-cpouta", "scp ", "openstack ")


class Newcomer:
    """Somebody with an empty home, who types lines of the runbook in a folder."""

    def __init__(self, folder: Path, home: Path, root: Path) -> None:
        self.folder, self.home, self.root = folder, home, root
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAYDECK", "XDG"))}
        self.environ = kept | {"HOME": str(home), "PATH": path, "EDITOR": "true"}

    def types(self, *lines: str) -> str:
        """Run the lines as one script that ends with the first failure; return what they printed."""
        script = re.sub(r" /(etc|run)/", rf" {self.root}/\1/", "\n".join(lines).replace("sudo ", ""))
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        ran = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def users(examples, tmp_path_factory, program):
    """Operator in a checkout's deploy/, laptop and VM in their empty homes."""
    for name, package in (("ssh", "openssh-client"), ("/usr/sbin/sshd", "openssh-server")):
        program(name, package)
    base = tmp_path_factory.mktemp("newcomers")
    found = {}
    for name in ("operator", "laptop", "vm"):
        home = base / name
        (home / "root" / "etc" / "ssh" / "sshd_config.d").mkdir(parents=True)
        folder = home / "checkout" / "deploy" if name == "operator" else home
        (folder / "examples").mkdir(parents=True)
        found[name] = Newcomer(folder, home, home / "root")
    shutil.copy(examples / "clusters.toml", found["operator"].folder / "examples")
    return found


@pytest.fixture(scope="module")
def operator(users):
    """Steps 1 and 2, but for the installation and for the look at clusters that are not there."""
    lines = runbook.lines("1. ")
    assert [line.split()[0] for line in lines[:2]] == ["python3", "~/.local/share/raydeck/bin/pip"]
    assert lines[-1] == "raydeck status"
    assert "good; clusters: cloud-1, local-1, local-2, local-3, hpc-1" in users["operator"].types(*lines[2:-1])
    write, check = runbook.lines("2. ")
    users["operator"].types(write)
    assert "as rendered" in users["operator"].types(check)
    return users["operator"]


@pytest.fixture(scope="module")
def prepared(operator, users):
    """Step 3; a laptop's key, and the files where scp would put them."""
    here = [line for line in runbook.lines("3. ") if not line.startswith(ELSEWHERE)]
    first, fetched = here.index("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/cpouta") - 1, "tar -xzf local-1.tar.gz"
    operator.types(*here[:first])
    laptop, vm = users["laptop"], users["vm"]
    assert laptop.types(*here[first : here.index(fetched) - 1]).startswith("ssh-ed25519 ")
    (laptop.home / "raydeck").mkdir()
    shutil.copy(operator.folder / "local-1.tar.gz", laptop.home / "raydeck")
    laptop.types(*here[here.index(fetched) - 1 :])
    (copied,) = (line for line in runbook.lines("3. ") if line.startswith("scp -r"))
    for target in copied.split()[2:-1]:
        shutil.copytree(operator.folder / target, vm.home / "raydeck" / target)
    return users


def test_each_has_the_keys_and_files_of_its_own(prepared):
    operator, laptop = prepared["operator"], prepared["laptop"]
    assert (operator.home / ".ssh" / "config").read_text() == "Include raydeck-operator.conf\n"
    assert (operator.home / ".ssh").stat().st_mode & 0o777 == 0o700
    assert (laptop.home / ".ssh" / "cpouta").stat().st_mode & 0o777 == 0o600
    assert (laptop.home / "raydeck/compose/cpu-ray-cluster.yaml").is_file()
    assert (laptop.home / "raydeck/ssh/local-1/raydeck.conf").is_file()
    named = {name for line in (operator.root / "etc/hosts").read_text().splitlines() for name in line.split()[1:]}
    assert {"ray.local.dash-1.oss", "ray.cloud.serve-1.oss"} <= named


def test_the_folder_of_step_4_is_what_the_laptop_has(prepared):
    changed, up, ask = runbook.lines("4. ")[:3]
    assert (up.split()[:4], ask.split()[0]) == (["docker", "compose", "-f", "cpu-ray-cluster.yaml"], "curl")
    assert "cpu-ray-cluster.yaml" in prepared["laptop"].types("cd ~/raydeck", changed, "ls")


def test_sshd_takes_the_drop_in_and_says_what_the_runbook_says(prepared, call):
    vm = prepared["vm"]
    enter, install, made, test, show, reload = runbook.lines("5. ")
    assert reload.startswith("sudo systemctl reload")
    vm.types(enter, install, made + "/")
    key, main = vm.root / "etc" / "key", vm.root / "etc" / "sshd_config"
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    main.write_text(f"HostKey {key}\nInclude {vm.root}/etc/ssh/sshd_config.d/*.conf\n")
    ours = f"/usr/sbin/sshd -f {main}"
    assert vm.types(test.replace("sshd", ours)) == ""
    shown = vm.types(show.replace("sshd", ours, 1)).splitlines()
    assert "gatewayports clientspecified" in shown
    assert any(line.startswith("permitlisten 192.168.1.19:8100 192.168.1.19:8151") for line in shown)


def test_ssh_knows_the_hosts_of_a_laptop(prepared, call):
    laptop = prepared["laptop"]
    enter, install, touch, include, *_ = runbook.lines("6. ")
    laptop.types(enter, install, touch, include)
    config = laptop.home / ".ssh" / "config"
    assert config.read_text() == "Include raydeck.conf\n"
    # ssh takes the home of the user database, so the file that the runbook made is named.
    included = config.with_name("raydeck.conf")
    told = call("ssh", "-G", "-F", included, "rf-GPU-cpouta").splitlines()
    assert "exitonforwardfailure yes" in told
    assert "remoteforward [192.168.1.19]:8100 [127.0.0.1]:8265" in told
    assert included.stat().st_mode & 0o777 == 0o600


def test_the_units_go_where_systemd_looks(prepared):
    laptop = prepared["laptop"]
    laptop.types("cd ~/raydeck", runbook.line("6. ", "install -D -m 644"))
    unit = laptop.home / ".config/systemd/user/raydeck-tunnel.service"
    assert "ssh -N -T rf-GPU-cpouta" in unit.read_text()


def test_kustomize_takes_every_folder_that_is_applied(prepared, program):
    program("kubectl", "kubernetes-client")
    applied = set(re.findall(r"`?kubectl apply -k ([\w/-]+)", runbook.RUNBOOK.read_text())) - {"http"}
    assert applied
    for folder in sorted(applied):
        assert "kind: " in prepared["vm"].types("cd ~/raydeck", f"kubectl kustomize {folder}")


def test_prometheus_takes_its_configuration(prepared, program):
    program("promtool", "prometheus")
    enter, check, start, look = runbook.lines("9. ")
    assert start.startswith("prometheus --config.file=prometheus/prometheus.yml")
    assert look.startswith("ssh -N -L 127.0.0.1:9090:")
    told = prepared["vm"].types(enter, check)
    assert "SUCCESS" in told.partition("alerts.yml")[0]
    assert "SUCCESS: 4 rules found" in told.partition("alerts.yml")[2]


def test_the_workers_metrics_of_an_allocation_get_its_name(prepared, operator):
    """The sed of the section on HPC changes the one forward that leads to another node."""
    (change,) = (line for line in runbook.lines("HPC") if line.startswith("sed "))
    conf = operator.folder / "ssh/hpc-1/raydeck.conf"
    laptop = prepared["laptop"]
    shutil.copy(conf, laptop.home / "hpc.conf")
    laptop.types(change.replace("~/.ssh/raydeck.conf", "~/hpc.conf"))
    before, after = conf.read_text().splitlines(), (laptop.home / "hpc.conf").read_text().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == ["    RemoteForward 192.168.1.19:8252 WORKER:8501"]
