"""The wheel away from the checkout: its jobs, its example, its two commands, and a job that runs from inside it.

Nothing is downloaded: the wheel is built with the hatchling of this environment and installed without dependencies
into an empty virtual environment, which is then led to this environment's packages by a path file. Path files that
lie there, such as the one of an editable installation, are not read: what is imported as ``console`` is the wheel.
"""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
LOOK = """
import importlib.util, json
from console.bundles import bundled_folder, find_bundles
folder = bundled_folder()
top = importlib.util.find_spec("jobs")
print(json.dumps({"folder": str(folder), "jobs": sorted(find_bundles([folder])), "top": top and str(top.origin)}))
"""


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel, and an empty folder to run it from."""

    wheel: Path
    environment: Path
    folder: Path

    @property
    def python(self):
        return self.environment / "bin" / "python"

    def run(self, program, *words, **environ):
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "RAYDECK_CONFIG"}}
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        state = {"XDG_STATE_HOME": str(self.folder.parent / "state")}
        command = [self.environment / "bin" / program, *words]
        return subprocess.run(
            command, cwd=self.folder, env=kept | home | state | environ, capture_output=True, text=True, check=False
        )

    def said(self, program, *words, **environ):
        """Standard output of a command that succeeds."""
        ran = self.run(program, *words, **environ)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


def pip(*words):
    options = ["--disable-pip-version-check", "--quiet", "--no-input"]
    subprocess.run([sys.executable, "-m", "pip", *options, *words], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    home = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", home, ROOT)
    (wheel,) = home.glob("raydeck-*.whl")
    environment = home / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip("--python", environment / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "neighbours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (home / "empty").mkdir()
    return Installed(wheel, environment, home / "empty")


def test_the_wheel_holds_one_package(installed):
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"console", "raydeck"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    shipped = {path.relative_to(ROOT / "jobs").as_posix() for path in (ROOT / "jobs").rglob("*.[pt][yo]*")}
    bundled = {name.removeprefix("console/bundled/jobs/") for name in names if name.startswith("console/bundled/jobs/")}
    assert bundled == {name for name in shipped if "__pycache__" not in name}
    styles = {path.relative_to(ROOT).as_posix() for path in (ROOT / "console").rglob("*.tcss")}
    assert styles
    assert styles <= set(names)


def test_it_finds_its_jobs_and_no_package_is_called_jobs(installed):
    found = json.loads(installed.said("python", "-c", LOOK))
    assert Path(found["folder"]).is_relative_to(installed.environment)
    assert "parallel_processing" in found["jobs"]
    assert found["top"] is None


def test_the_example_is_the_checkouts_and_is_good(installed):
    example = installed.said("raydeck", "config", "example")
    assert example == (ROOT / "clusters.toml").read_text()
    file = installed.folder.parent / "clusters.toml"
    file.write_text(example)
    assert "good; clusters: laptop" in installed.said("raydeck", "--config", file, "config", "check")


def test_the_module_is_the_same_as_the_command(installed):
    for words in (["--version"], ["--help"], ["config", "example"]):
        assert installed.said("raydeck", *words) == installed.said("python", "-m", "console", *words)
    ran = installed.run("raydeck", "config", "path")
    assert ran.returncode == installed.run("python", "-m", "console", "config", "path").returncode == 1
    assert ran.stderr.startswith("raydeck: config: no clusters.toml; looked in ")


def test_its_job_runs_on_a_cluster(installed, embedded_cluster):
    spec = embedded_cluster.spec
    keys = {"name": spec.name, "kind": "local", "dashboard": spec.dashboard, "serve": spec.serve}
    keys["auth_token_file"] = str(spec.auth_token_file)
    file = installed.folder.parent / "cluster.toml"
    file.write_text("[[clusters]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    words = ["submit", "parallel_processing", "--cluster", spec.name, "--wait=end", "--json"]
    words += ["--set", "process-parameters.serve-seconds=1"]
    answer = json.loads(installed.said("raydeck", "--config", file, *words))
    assert answer["status"] == "SUCCEEDED"
    assert json.loads(Path(answer["output"]).read_text())["output"]
    assert list(installed.folder.iterdir()) == []
