"""The steps of deploy/README.md that need neither Docker nor Kubernetes, typed as they stand there.

What would touch this machine goes elsewhere: HOME is a new folder, ``sudo`` is nothing, ``/etc`` is a folder of the
test. Lines that reach another host are left out; tests/live/test_deploy.py uses the same files between namespaces.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


class Newcomer:
    """Somebody with an empty home who stands in a copy of deploy/, and types lines of the runbook."""

    def __init__(self, runbook: str, folder: Path, home: Path, etc: Path) -> None:
        self.runbook, self.folder, self.etc = runbook, folder, etc
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAYDECK", "XDG"))}
        self.environ = kept | {"HOME": str(home), "PATH": path, "EDITOR": "true"}

    def lines(self, step: str) -> list[str]:
        """Return the command lines under a heading that begins with ``step``, without what one of them prints."""
        (section,) = re.findall(rf"^## {re.escape(step)}.*?(?=^## |\Z)", self.runbook, re.MULTILINE | re.DOTALL)
        blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        return [line for block in blocks for line in block.splitlines() if not line.startswith("raydeck: ")]

    def types(self, *lines: str) -> str:
        """Run the lines as one script that ends with the first failure; return what they printed."""
        script = "\n".join(lines).replace("sudo ", "").replace(" /etc/", f" {self.etc}/")
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        ran = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def newcomer(examples, tmp_path_factory, program):
    for name, package in (("ssh", "openssh-client"), ("/usr/sbin/sshd", "openssh-server")):
        program(name, package)
    base = tmp_path_factory.mktemp("newcomer")
    folder, home, etc = base / "deploy", base / "home", base / "etc"
    for made in (folder / "examples", home / ".ssh", etc / "ssh" / "sshd_config.d"):
        made.mkdir(parents=True)
    (folder / "examples" / "clusters.toml").write_bytes((examples / "clusters.toml").read_bytes())
    return Newcomer((examples.parent / "README.md").read_text(), folder, home, etc)


@pytest.fixture(scope="module")
def rendered(newcomer):
    newcomer.types(*newcomer.lines("1. "), *newcomer.lines("2. "))
    return newcomer


def test_the_topology_is_good_and_its_files_are_as_rendered(newcomer):
    assert "good; clusters: cloud-1, local-1, local-2, local-3, hpc-1" in newcomer.types(*newcomer.lines("1. "))
    write, check = newcomer.lines("2. ")
    newcomer.types(write)
    assert "as rendered" in newcomer.types(check)


def test_sshd_takes_the_drop_in_and_says_what_the_runbook_says(rendered, call):
    install, test, show, reload = rendered.lines("4. ")
    assert reload.startswith("sudo systemctl reload")
    rendered.types(install)
    key, main = rendered.etc / "key", rendered.etc / "sshd_config"
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    main.write_text(f"HostKey {key}\nInclude {rendered.etc}/ssh/sshd_config.d/*.conf\n")
    ours = f"/usr/sbin/sshd -f {main}"
    assert rendered.types(test.replace("sshd", ours)) == ""
    shown = rendered.types(show.replace("sshd", ours, 1)).splitlines()
    assert "gatewayports clientspecified" in shown
    assert any(line.startswith("permitlisten 192.168.1.19:8100 192.168.1.19:8151") for line in shown)


def test_ssh_knows_the_hosts_of_a_laptop_and_of_the_operator(rendered, call):
    install, touch, include, *_ = rendered.lines("5. ")
    rendered.types(install, touch, include)
    config = Path(rendered.environ["HOME"], ".ssh", "config")
    assert config.read_text() == "Include raydeck.conf\n"
    # ssh takes the home of the user database, so the file that the runbook made is named.
    included = config.with_name("raydeck.conf")
    told = call("ssh", "-G", "-F", included, "rf-GPU-cpouta").splitlines()
    assert "exitonforwardfailure yes" in told
    assert "remoteforward [192.168.1.19]:8100 [127.0.0.1]:8265" in told
    assert included.stat().st_mode & 0o777 == 0o600


def test_the_units_go_where_systemd_looks(rendered):
    (install,) = (line for line in rendered.lines("5. ") if "raydeck-tunnel.service ~/" in line)
    rendered.types(install)
    unit = Path(rendered.environ["HOME"], ".config/systemd/user/raydeck-tunnel.service")
    assert "ssh -N -T rf-GPU-cpouta" in unit.read_text()


def test_kustomize_takes_every_folder_that_is_applied(rendered, program):
    program("kubectl", "kubernetes-client")
    applied = set(re.findall(r"kubectl apply -k ([\w/-]+)", rendered.runbook))
    assert applied
    for folder in sorted(applied):
        assert "kind: " in rendered.types(f"kubectl kustomize {folder}")


def test_prometheus_takes_its_configuration(rendered, program):
    program("promtool", "prometheus")
    check, start = rendered.lines("8. ")
    assert start.startswith("prometheus --config.file=prometheus/prometheus.yml")
    told = rendered.types(check)
    assert "SUCCESS" in told.partition("alerts.yml")[0]
    assert "SUCCESS: 4 rules found" in told.partition("alerts.yml")[2]


def test_the_hosts_are_lines_of_names_behind_one_address(rendered):
    hosts = next(line for line in rendered.lines("9. ") if "hosts/hosts" in line)
    rendered.types(hosts)
    added = (rendered.etc / "hosts").read_text().splitlines()
    names = [name for line in added for name in line.split()[1:]]
    assert "ray.local.dash-1.oss" in names
    assert "ray.cloud.serve-1.oss" in names
