"""The set-up scripts where a machine lacks something: each says what, and what to do. And what they lock."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What a machine always has, so that a test decides about the rest of its PATH.
ORDINARY = "awk basename bash cat cut date dirname env flock grep head id mkdir mv"
ORDINARY += " readlink rm sed seq setsid sh sha256sum sleep tail tar timeout touch tr"


@dataclass(frozen=True)
class Machine:
    """A checkout that has only the scripts, on a machine that has only the ordinary programs and what is added."""

    checkout: Path
    programs: Path

    def add(self, name: str, script: str) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def bash(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (self.programs / "bash", "-c", script),
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            cwd=self.checkout,
            env={"PATH": str(self.programs), "HOME": str(self.checkout), **environment},
        )

    def library(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        sources = "".join(
            f". scripts/lib/{name}.sh; "
            for name in ("steps", "packages", "python", "engine", "base", "assets")
        )
        return self.bash(sources + script, **environment)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "checkout", tmp_path / "programs")
    shutil.copytree(ROOT / "scripts", made.checkout / "scripts")
    made.programs.mkdir()
    for name in ORDINARY.split():
        found = shutil.which(name)
        assert found, f"{name} is missing here"
        (made.programs / name).symlink_to(found)
    return made


def test_an_old_python_is_named_with_what_to_do(machine: Machine) -> None:
    machine.add("python3", '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    done = machine.bash("scripts/run version")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert "apt-get install" in done.stderr
    assert done.stdout == ""


def test_no_python_at_all_is_named(machine: Machine) -> None:
    done = machine.bash("scripts/run version")
    assert done.returncode == 1
    assert "this machine has none" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.add("python3", "exit 1")
    machine.add("python3.12", "exit 0")
    assert machine.library("find_python").stdout.strip() == str(machine.programs / "python3.12")


def test_no_docker_and_no_way_to_install_it(machine: Machine) -> None:
    done = machine.library("ensure_engine")
    assert done.returncode == 1
    assert "Heddle needs a Docker Engine, and this machine has no apt-get." in done.stderr
    assert "docker.io" in done.stderr


def test_no_docker_and_nobody_who_may_install_it(machine: Machine) -> None:
    machine.add("apt-get", "exit 0")
    machine.add("id", "echo 1000")
    done = machine.library("ensure_engine")
    assert done.returncode == 1
    assert "you are not root and have no sudo" in done.stderr
    assert "As root: apt-get install docker.io" in done.stderr


def test_an_engine_elsewhere_that_does_not_answer(machine: Machine) -> None:
    machine.add("docker", "echo Cannot connect; exit 1")
    done = machine.library("ensure_engine", DOCKER_HOST="tcp://engine.example:2376")
    assert done.returncode == 1
    assert "DOCKER_HOST=tcp://engine.example:2376: Cannot connect" in done.stderr


def test_an_engine_that_one_may_not_use(machine: Machine) -> None:
    machine.add("docker", "echo permission denied while trying to connect; exit 1")
    machine.add("dockerd", "exit 1")
    done = machine.library("ensure_engine")
    assert done.returncode == 1
    assert 'usermod -aG docker "$USER"' in done.stderr


def test_an_engine_that_does_not_start(machine: Machine) -> None:
    machine.add("id", "echo 0")
    machine.add("docker", "exit 1")
    machine.add("dockerd", "echo no rights to mount; exit 1")
    done = machine.library(
        "[ -d /run/systemd/system ] || ensure_engine; [ ! -d /run/systemd/system ] || start_daemon"
    )
    assert done.returncode == 1
    shown = done.stderr + done.stdout
    assert "no rights to mount" in shown
    assert "--privileged" in shown


def test_an_engine_that_starts_at_the_second_try(machine: Machine, tmp_path: Path) -> None:
    """A daemon that has just died holds its pid file for a moment, which ends its successor."""
    tries = tmp_path / "tries"
    machine.add("id", "echo 0")
    machine.add("docker", f'[ "$(grep -c try {tries})" -ge 2 ] && echo 20.10.24')
    machine.add("dockerd", f"echo try >>{tries}")
    tries.touch()
    done = machine.library('mkdir -p "$logs"; start_daemon')
    assert done.returncode == 0, done.stderr
    assert len(tries.read_text().splitlines()) == 2


def test_an_engine_that_answers_is_left_alone(machine: Machine) -> None:
    machine.add("docker", "echo 20.10.24")
    done = machine.library("ensure_engine")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_registry_and_no_debian_is_named(machine: Machine) -> None:
    machine.add("docker", "exit 1")
    done = machine.library("distribution() { echo ubuntu; }; ensure_base ''")
    assert done.returncode == 1
    assert "debian:trixie-slim can't be pulled" in done.stderr


def test_a_step_is_one_line_and_keeps_stdout_clean(machine: Machine) -> None:
    done = machine.library("step 'Some packages' sh -c 'echo noise; echo more >&2'")
    assert done.stdout == ""
    assert re.fullmatch(r"✓ Some packages \d+\.\d s\n", done.stderr)
    assert (machine.checkout / ".heddle/logs/some-packages.log").read_text() == "noise\nmore\n"


def test_a_failed_step_shows_why_and_ends_the_script(machine: Machine) -> None:
    done = machine.library("step 'Some packages' sh -c 'echo the reason; exit 3'; echo went on")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "✗ Some packages" in done.stderr
    assert "the reason" in done.stderr


def test_every_command_of_a_step_counts(machine: Machine) -> None:
    done = machine.library("both() { false; echo hidden; }; step 'Two commands' both")
    assert done.returncode == 1


def test_requirements_are_installed_once_and_again_after_a_change(machine: Machine) -> None:
    for name in ("requirements.txt", "pyproject.toml"):
        (machine.checkout / name).write_text("one\n")
    (machine.checkout / ".venv/bin").mkdir(parents=True)
    call = 'pip_install() { echo "$*" >>calls; }; ensure_requirements "$root/requirements.txt"'
    calls = machine.checkout / "calls"
    assert machine.library(call).stderr.startswith("✓ Python packages")
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["--require-hashes", "--no-deps"]
    assert machine.library(call).stderr == ""
    (machine.checkout / "requirements.txt").write_text("two\n")
    assert machine.library(call).stderr.startswith("✓ Python packages")
    assert len(calls.read_text().splitlines()) == 4


@pytest.fixture
def packed(machine: Machine) -> Machine:
    """A machine whose Docker answers with packages, when it is given a lock file."""
    (machine.checkout / "web").mkdir()
    for name in ("package.json", "package-lock.json"):
        (machine.checkout / "web" / name).write_text("one\n")
    (machine.checkout / "packages/@xterm").mkdir(parents=True)
    (machine.checkout / "packages/@xterm/xterm.mjs").write_text("export {}\n")
    machine.add("docker", "echo run >>calls; tar -t >given; tar -C packages -cf - .")
    return machine


def test_browser_packages_are_fetched_once_and_again_after_a_change(packed: Machine) -> None:
    assert re.fullmatch(r"✓ Browser packages \d+\.\d s\n", packed.library("ensure_assets").stderr)
    assert (packed.checkout / "given").read_text().split() == ["package.json", "package-lock.json"]
    folder = packed.checkout / "web/node_modules"
    assert (folder / "@xterm/xterm.mjs").read_text() == "export {}\n"
    again = packed.library("ensure_assets")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (folder / "left-over").touch()
    (packed.checkout / "web/package-lock.json").write_text("two\n")
    assert packed.library("ensure_assets").stderr.startswith("✓ Browser packages")
    assert (packed.checkout / "calls").read_text().split() == ["run", "run"]
    assert not (folder / "left-over").exists()


def test_browser_packages_that_cannot_be_fetched_leave_the_old_ones(packed: Machine) -> None:
    packed.library("ensure_assets")
    (packed.checkout / "web/package-lock.json").write_text("two\n")
    packed.add("docker", "echo npm: no way to the registry >&2; exit 1")
    done = packed.library("ensure_assets; echo went on")
    assert (done.returncode, done.stdout) == (1, "")
    assert "✗ Browser packages" in done.stderr
    assert "no way to the registry" in done.stderr
    assert (packed.checkout / "web/node_modules/@xterm/xterm.mjs").exists()
    packed.add("docker", "cat >given; echo half of")
    assert packed.library("ensure_assets").returncode == 1
    assert (packed.checkout / "web/node_modules/@xterm/xterm.mjs").exists()


@pytest.mark.parametrize("name", ["run", "test", "bench"])
def test_browser_packages_come_after_the_image_that_fetches_them(name: str) -> None:
    lines = (ROOT / "scripts" / name).read_text().splitlines()
    assert lines.index('"$root/scripts/image"') < lines.index("ensure_assets")


@pytest.mark.e2e
def test_the_workspace_image_fetches_the_browser_packages(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    (checkout / "web").mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "web" / name, checkout / "web" / name)
    script = ". scripts/lib/steps.sh; . scripts/lib/assets.sh; ensure_assets"
    done = subprocess.run(
        ("bash", "-c", script), cwd=checkout, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    folder = checkout / "web/node_modules"
    for name in json.loads((ROOT / "web/package.json").read_text())["dependencies"]:
        package = json.loads((folder / name / "package.json").read_text())
        assert (folder / name / package["module"]).stat().st_size > 1000
    assert folder.stat().st_uid == checkout.stat().st_uid
    assert not (checkout / "web/node_modules.new").exists()


@pytest.mark.e2e
def test_a_second_image_script_builds_nothing() -> None:
    subprocess.run((ROOT / "scripts/image",), check=True, capture_output=True, timeout=290)
    command = ("docker", "image", "inspect", "--format", "{{.Id}}", "heddle-workspace:latest")
    built = subprocess.run(command, check=True, capture_output=True).stdout
    again = subprocess.run((ROOT / "scripts/image",), check=True, capture_output=True, timeout=60)
    assert (again.stdout, again.stderr) == (b"", b"")
    assert subprocess.run(command, check=True, capture_output=True).stdout == built


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+(?:\[[\w,-]+\])?)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locked_requirements_name_no_address_and_no_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--index|--find-links|(^|\s)/\w", text)
    requirements = re.split(
        r"\n(?=\w)", "\n" + "\n".join(x for x in text.splitlines() if not x.startswith("#"))
    )[1:]
    assert len(requirements) > 20
    assert all("--hash=sha256:" in requirement for requirement in requirements)


def test_development_runs_on_the_versions_that_run() -> None:
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {"hatchling", "editables"} <= runtime.keys()
    assert runtime.items() <= development.items()


@pytest.mark.parametrize("folder", ["images/workspace", "web"])
def test_locked_packages_name_no_address(folder: str) -> None:
    text = (ROOT / folder / "package-lock.json").read_text()
    wanted = json.loads((ROOT / folder / "package.json").read_text())["dependencies"]
    assert "://" not in text
    locked = json.loads(text)["packages"]
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in entry for path, entry in locked.items() if path)
