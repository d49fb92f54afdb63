"""The workspace image as Heddle starts it: hardened, without a network, with a socket as its only way out."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread

import pytest

pytestmark = pytest.mark.e2e

IMAGE = "heddle-workspace:latest"
SOURCES = Path(__file__).parents[2] / "images" / "workspace"
ANSWER = b"from the gateway\n"
SCRATCH = "rw,nosuid,nodev,exec,mode=1777"
HARDENING = (
    *("--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"),
    *("--tmpfs", f"/tmp:{SCRATCH}", "--tmpfs", f"/run:{SCRATCH}"),
    *("--memory", "2g", "--pids-limit", "512"),
)


def docker(*arguments: str) -> str:
    done = subprocess.run(("docker", *arguments), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.02)


def forwarders(name: str) -> int:
    """The listening one and one for each connection."""
    return docker("top", name, "-o", "pid,comm").split().count("socat")


class Gateway(ThreadingMixIn, UnixStreamServer):
    """Answers every GET with one text and every question to the model with one reply, and keeps what was asked."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.reads: list[str] = []  # files that the model asks for first
        super().__init__(str(path), GatewayHandler)
        path.chmod(0o777)


class GatewayHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def address_string(self) -> str:
        return "workspace"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append((self.requestline, b""))
        self._answer("text/plain", ANSWER)

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.requestline, b""))
        self.send_error(403)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.requestline, body))
        reads = self.server.reads if b'"name":"Read"' in body else []
        self._answer("text/event-stream", model_reply(reads.pop(0) if reads else None))

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def model_reply(reads: str | None = None) -> bytes:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    usage = {"input_tokens": 1, "output_tokens": 1}
    block: dict[str, object] = {"type": "text", "text": ""}
    delta, reason = {"type": "text_delta", "text": "Good day."}, "end_turn"
    if reads is not None:
        block = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps({"file_path": reads})}
        reason = "tool_use"
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": message | {"usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


@dataclass
class Place:
    """One workspace: its volume, its sockets, its mirror, and the containers that were started on them."""

    folder: Path
    name: str = field(default_factory=lambda: f"heddle-test-{uuid.uuid4().hex[:12]}")
    containers: list[str] = field(default_factory=list)
    gateways: list[Gateway] = field(default_factory=list)

    @property
    def sockets(self) -> Path:
        return self.folder / "sockets"

    @property
    def mirror(self) -> Path:
        return self.folder / "mirror.git"

    def start(self, *command: str) -> str:
        name = f"{self.name}-{len(self.containers)}"
        self.containers.append(name)
        mounts = (
            f"type=volume,source={self.name},target=/workspace",
            f"type=bind,source={self.mirror},target=/mirror,readonly",
            f"type=bind,source={self.sockets},target=/heddle",
        )
        options = [option for mount in mounts for option in ("--mount", mount)]
        docker(
            "run",
            "--detach",
            "--name",
            name,
            "--label",
            "heddle.test=1",
            *HARDENING,
            *options,
            IMAGE,
            *command,
        )
        return name

    def run(self, *command: str) -> tuple[int, str]:
        """Exit code and output of a container that ends by itself."""
        name = self.start(*command)
        code = int(docker("wait", name))
        return code, docker("logs", name)

    def gateway(self) -> Gateway:
        made = Gateway(self.sockets / "gateway.sock")
        self.gateways.append(made)
        Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return made

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.shutdown()
            gateway.server_close()
        if self.containers:
            docker("rm", "--force", *self.containers)
        docker("volume", "rm", "--force", self.name)
        shutil.rmtree(self.folder)


def make_place() -> Place:
    # Not pytest's folder: the path of a UNIX socket may have 107 bytes.
    place = Place(Path(tempfile.mkdtemp(prefix="heddle-")))
    place.sockets.mkdir()
    place.folder.chmod(0o755)
    docker("volume", "create", "--label", "heddle.test=1", place.name)
    source = place.folder / "source"
    git = ("git", "-C", str(source), "-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(("git", "init", "--quiet", str(source)), check=True)
    subprocess.run((*git, "commit", "--quiet", "--allow-empty", "-m", "Start"), check=True)
    subprocess.run(("git", "clone", "--quiet", "--mirror", str(source), str(place.mirror)), check=True)
    return place


@pytest.fixture
def place() -> Iterator[Place]:
    made = make_place()
    yield made
    made.close()


@pytest.fixture(scope="module")
def inside() -> Iterator[Callable[..., str]]:
    """Runs a command in a container that does nothing else, and gives its output."""
    made = make_place()
    try:
        name = made.start("sleep", "infinity")
        eventually(lambda: forwarders(name) == 1)
        yield lambda *command: docker("exec", name, *command)
    finally:
        made.close()


def test_claude_code_is_the_pinned_one(inside: Callable[..., str]) -> None:
    pinned = json.loads((SOURCES / "package.json").read_text())["dependencies"]["@anthropic-ai/claude-code"]
    assert inside("claude", "--version").split()[0] == pinned


def test_terminal_server_is_the_measured_one(inside: Callable[..., str]) -> None:
    assert "1.7.7" in inside("ttyd", "--version")


@pytest.mark.parametrize(
    "tool",
    [
        "git",
        "gh",
        "tmux",
        "ttyd",
        "socat",
        "rg",
        "jq",
        "node",
        "npm",
        "python3",
        "pip",
        "cc",
        "make",
        "ps",
        "less",
        "curl",
        "tini",
        "file",
        "patch",
        "unzip",
        "xz",
    ],
)
def test_tool_is_there(inside: Callable[..., str], tool: str) -> None:
    assert inside("sh", "-c", f"command -v {tool}").endswith(f"/{tool}")


def test_python_makes_environments(inside: Callable[..., str]) -> None:
    inside("python3", "-m", "venv", "/tmp/made")
    assert inside("/tmp/made/bin/pip", "--version").startswith("pip ")


def test_nobody_special_runs(inside: Callable[..., str]) -> None:
    status = dict(
        line.split(":\t", 1) for line in inside("cat", "/proc/self/status").splitlines() if ":\t" in line
    )
    assert status["Uid"].split() == status["Gid"].split() == ["1000"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert inside("id", "-un") == "heddle"
    assert inside("sh", "-c", "ls /sys/class/net") == "lo"


WRITABLE = """
import os
for folder, folders, _ in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys", "/dev")]
    if os.access(folder, os.W_OK):
        print(folder)
        folders.clear()
"""


def test_only_the_volume_and_scratch_are_writable(inside: Callable[..., str]) -> None:
    assert set(inside("python3", "-c", WRITABLE).splitlines()) == {"/workspace", "/tmp", "/run"}


def test_the_environment_holds_no_secret(inside: Callable[..., str]) -> None:
    variables = dict(line.split("=", 1) for line in inside("env").splitlines())
    suspicious = {
        name: value
        for name, value in variables.items()
        if any(word in name.upper() for word in ("TOKEN", "KEY", "SECRET", "PASSW", "CREDENTIAL"))
    }
    assert suspicious == {"ANTHROPIC_AUTH_TOKEN": "heddle"}
    assert variables["HOME"] == "/workspace/home"
    assert variables["LANG"] == "C.UTF-8"
    assert variables["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:3128/model"
    assert variables["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == variables["DISABLE_AUTOUPDATER"] == "1"


def test_home_is_prepared_and_then_left_to_its_owner(place: Place) -> None:
    code, output = place.run(
        "sh", "-c", "cat $HOME/.claude.json; echo {} >$HOME/.claude.json; stat -c %u /workspace"
    )
    assert code == 0
    state, _, owner = output.rpartition("\n")
    prepared = json.loads(state)
    assert prepared["hasCompletedOnboarding"]
    assert prepared["projects"]["/workspace/repository"]["hasTrustDialogAccepted"]
    assert owner == "1000"
    assert place.run("sh", "-c", "cat $HOME/.claude.json; ls -A $HOME") == (0, "{}\n.claude\n.claude.json")


def test_driver_is_found_from_anywhere(inside: Callable[..., str]) -> None:
    assert inside("sh", "-c", "cd / && python3 -c 'import headless; print(headless.__file__)'").startswith(
        "/opt/heddle"
    )


def test_entrypoint_knows_headless(place: Place) -> None:
    code, _ = place.run("headless")
    assert code == 2, "the driver's own complaint about a missing folder"


def test_exit_code_and_arguments_pass_through(place: Place) -> None:
    assert place.run("sh", "-c", 'echo "<$1>"; exit 7', "sh", "two  words") == (7, "<two  words>")


def test_a_request_waits_for_a_late_gateway(place: Place) -> None:
    name = place.start("curl", "--silent", "--show-error", "http://127.0.0.1:3128/git/somewhere")
    eventually(lambda: forwarders(name) == 2)
    gateway = place.gateway()
    assert docker("wait", name) == "0"
    assert docker("logs", name) == ANSWER.decode().strip()
    assert gateway.asked == [("GET /git/somewhere HTTP/1.1", b"")]


def test_other_addresses_go_to_the_gateway_too(place: Place) -> None:
    gateway = place.gateway()
    code, output = place.run("curl", "--silent", "http://example.com/page")
    assert (code, output) == (0, ANSWER.decode().strip())
    assert gateway.asked == [("GET http://example.com/page HTTP/1.1", b"")]


SAVING = """
import signal, sys, urllib.request
def save(*_):
    print(urllib.request.urlopen("http://127.0.0.1:3128/git/", timeout=10).read().decode(), end="", flush=True)
    sys.exit(5)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
while True:
    signal.pause()
"""


def test_a_stopped_program_can_still_use_the_gateway(place: Place) -> None:
    place.gateway()
    name = place.start("python3", "-c", SAVING)
    eventually(lambda: docker("logs", name) == "ready")
    docker("stop", "--time", "30", name)
    assert docker("logs", name).splitlines() == ["ready", ANSWER.decode().strip()]
    assert docker("inspect", "--format", "{{.State.ExitCode}}", name) == "5"


def test_a_stop_ends_an_ordinary_program(place: Place) -> None:
    name = place.start("sleep", "infinity")
    docker("stop", "--time", "30", name)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", name) == "143", "by the signal, not by force"


def test_orphans_are_reaped(inside: Callable[..., str]) -> None:
    inside("sh", "-c", "(exec -a orphan sleep 0.1 &) 2>/dev/null; (sleep 0.2 &)")
    eventually(lambda: "sleep 0.2" not in inside("ps", "axo", "args"))
    eventually(lambda: "Z" not in inside("ps", "axo", "stat="))


def test_a_mirror_of_another_owner_can_be_borrowed_from(place: Place) -> None:
    if place.mirror.stat().st_uid == 1000:
        os.chown(place.mirror, 0, 0)  # fails where it can't be tried
    clone = "git clone --quiet --shared /mirror /workspace/repository && git -C /workspace/repository log --format=%s"
    assert place.run("sh", "-c", clone) == (0, "Start")


def context_of(place: Place, text: str | None) -> str:
    write = "" if text is None else "cat >/workspace/context.md <<'END'\n" + text + "END\n"
    code, output = place.run("sh", "-c", f"{write}/opt/heddle/context")
    assert code == 0
    return output


def test_no_context_is_no_error(place: Place) -> None:
    assert context_of(place, None) == ""


def test_a_long_context_is_cut_at_a_line_and_pointed_to(place: Place) -> None:
    line = "Grüße aus dem Gespräch"
    shown = context_of(place, f"{line}\n" * 1000).splitlines()
    assert len("\n".join(shown)) < 10_000
    assert set(shown[:-2]) == {line}
    assert "/workspace/context.md" in shown[-1]


def test_claude_code_reads_the_context_and_asks_nobody_but_the_model(place: Place) -> None:
    gateway = place.gateway()
    script = (
        "echo 'The conversation is about looms.' >/workspace/context.md;"
        "mkdir /workspace/repository && cd /workspace/repository && git init --quiet &&"
        "claude -p Hello --dangerously-skip-permissions && git status --porcelain"
    )
    assert place.run("sh", "-c", script) == (0, "Good day.")
    assert {line.split("?")[0] for line, _ in gateway.asked} == {"POST /model/v1/messages"}
    assert b"The conversation is about looms." in gateway.asked[-1][1]


def commit_to(place: Place, ref: str, files: dict[str, str]) -> None:
    """One more commit on the first one, in the mirror as `ref`."""
    source = place.folder / "source"
    git = ("git", "-C", str(source), "-c", "user.name=A", "-c", "user.email=a@example.com")
    root = subprocess.run((*git, "rev-list", "--max-parents=0", "HEAD"), check=True, capture_output=True)
    subprocess.run((*git, "checkout", "--quiet", "--detach", root.stdout.decode().strip()), check=True)
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    subprocess.run((*git, "add", "--all"), check=True)
    subprocess.run((*git, "commit", "--quiet", "-m", "Files"), check=True)
    subprocess.run((*git, "push", "--quiet", "--force", str(place.mirror), f"HEAD:{ref}"), check=True)


def put(name: str, files: dict[str, bytes]) -> None:
    """Writes below /workspace as Heddle's engine does; a name that ends in `/` is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.rstrip("/"))
            entry.uid = entry.gid = 1000
            entry.mode, entry.size = 0o644, len(content)
            if path.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry, io.BytesIO(content))
    done = subprocess.run(
        ("docker", "cp", "-", f"{name}:/workspace"), input=buffer.getvalue(), capture_output=True
    )
    assert done.returncode == 0, done.stderr


def headless_run(place: Place, task: str, **changes: object) -> list[dict[str, object]]:
    """A run of the driver with the real Claude Code; its journal."""
    order = {
        "run_id": "run-1",
        "repository": "acme/greeter",
        "branch": "claude/one",
        "base": "main",
        "remote": "http://127.0.0.1:3128/git/acme/greeter.git",
        "mirror": "/mirror",
        "resume": None,
        "time_limit": 60,
        "author": {"name": "Heddle", "email": "heddle@example.com"},
        "trailers": [],
        "message_id": str(uuid.uuid4()),
        **changes,
    }
    name = place.start(
        "sh",
        "-c",
        "until [ -e /workspace/go ]; do sleep 0.05; done; exec python3 -m headless /workspace/runs/run-1",
    )
    files = {"runs/": b"", "runs/run-1/": b"", "runs/run-1/inbox/": b"", "runs/run-1/task.md": task.encode()}
    put(name, {**files, "runs/run-1/run.json": json.dumps(order).encode()})
    put(
        name,
        {
            "attachments/": b"",
            "attachments/m1/": b"",
            "attachments/m1/gr\u00f6\u00dfe.txt": b"17 feet\n",
            "go": b"",
        },
    )
    assert docker("wait", name) == "0"
    code, journal = place.run("cat", "/workspace/runs/run-1/stdout.jsonl")
    assert code == 0
    return [json.loads(line) for line in journal.splitlines()]


@pytest.mark.parametrize("name", ["CLAUDE.md", "AGENTS.md", ".claude/rules/first.md", ".claude/CLAUDE.md"])
@pytest.mark.parametrize("untrusted", [False, True])
def test_claude_code_is_told_by_the_base_where_outsiders_decide(
    place: Place, name: str, untrusted: bool
) -> None:
    gateway = place.gateway()
    commit_to(place, "refs/heads/main", {name: "Speak of warp threads.\n"})
    commit_to(place, "refs/pull/7/head", {name: "Speak of weft threads.\n"})
    journal = headless_run(place, "Hello", base="main", start="refs/pull/7/head", untrusted=untrusted)
    assert (journal[-1]["event"], journal[-1]["commits"]) == ("finished", 0)
    asked = b"".join(body for line, body in gateway.asked if line.startswith("POST /model"))
    assert (b"warp threads" in asked, b"weft threads" in asked) == (untrusted, not untrusted)


def test_claude_code_reads_what_was_attached(place: Place) -> None:
    gateway = place.gateway()
    gateway.reads.append("/workspace/attachments/m1/gr\u00f6\u00dfe.txt")
    commit_to(place, "refs/heads/main", {"a.txt": "a\n"})
    journal = headless_run(place, "Hello", base="main")
    assert (journal[-1]["event"], journal[-1]["commits"]) == ("finished", 0), "no attachment is work"
    assert b"17 feet" in gateway.asked[-1][1]
    assert place.run("git", "-C", "/workspace/repository", "status", "--porcelain") == (0, "")
