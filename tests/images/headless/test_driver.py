"""Whole runs of the driver. `claude` is a stand-in only where the process itself has to misbehave; with the real
one the same is tested where the image is. What such a stand-in has at hand is in places.PRELUDE."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images.headless.places import BRANCH, SESSION, Place, git, journal_of, own


def events(journal: list[dict[str, object]]) -> list[str]:
    return [str(line.get("phase") if line["event"] == "phase" else line["event"]) for line in own(journal)]


def last(journal: list[dict[str, object]], event: str) -> dict[str, object]:
    return [line for line in own(journal) if line["event"] == event][-1]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


WORKS = """
while message := read():
    open("new.txt", "a").write(message["message"]["content"])
    turn(message)
"""


def test_a_run_from_task_to_branch(place: Place, claude: Callable[[str], Path]) -> None:
    task = "--resume\n# ½ a task"
    run = place.order(task)
    journal = place.drive(run, claude(WORKS))
    assert events(journal) == ["clone", "claude", "claude_exit", "save", "push", "finished"]
    finished = last(journal, "finished")
    assert finished["pushed"] is True
    assert finished["head"] == place.remote_head()
    assert finished["base"] == place.remote_head("main")
    assert [finished[name] for name in ("branch", "commits", "files", "insertions", "deletions")] == [
        BRANCH,
        1,
        1,
        2,
        0,
    ]
    assert (place.repository / "new.txt").read_text() == task
    assert (run.folder / "inbox.closed").is_dir()
    replay = next(line for line in journal if line.get("isReplay"))
    assert replay["uuid"] == run.task.id
    assert git(place.repository, "log", "-1", "--format=%s") == "--resume"


def test_a_run_without_changes_pushes_nothing(place: Place, claude: Callable[[str], Path]) -> None:
    journal = place.drive(place.order(), claude("turn(read())"))
    assert events(journal) == ["clone", "claude", "claude_exit", "save", "finished"]
    assert last(journal, "finished")["commits"] == 0
    assert place.remote_head() is None


def test_a_follow_up_run_resumes_and_adds(place: Place, claude: Callable[[str], Path]) -> None:
    programs = claude(WORKS + "open(os.environ['HOME'] + '/arguments', 'w').write(' '.join(sys.argv))")
    place.drive(place.order("one"), programs)
    first = place.remote_head()
    journal = place.drive(place.order("two", resume=SESSION), programs)
    assert last(journal, "finished")["commits"] == 2
    assert git(place.repository, "rev-parse", "HEAD~1") == first
    assert f"--resume {SESSION}" in (Path(os.environ["HOME"]) / "arguments").read_text()


IDLE = "turn(read())"


def numbers(journal: list[dict[str, object]]) -> tuple[object, object, object]:
    finished = last(journal, "finished")
    return finished["commits"], finished["files"], finished["pushed"]


def test_a_pull_request_of_a_fork_over_several_runs(place: Place, claude: Callable[[str], Path]) -> None:
    fork = place.push_pull("fork.txt", "fork\n")
    start = "refs/pull/7/head"
    journal = place.drive(place.order(start=start), claude(IDLE))
    assert numbers(journal) == (0, 0, False)
    assert last(journal, "finished")["head"] == fork
    assert place.remote_head() is None
    newer = place.push_pull("fork.txt", "more\n")
    assert numbers(place.drive(place.order(start=start), claude(IDLE))) == (0, 0, False)
    assert numbers(place.drive(place.order(start=start), claude(WORKS))) == (1, 1, True)
    assert git(place.remote, "rev-parse", f"{BRANCH}~1") == newer
    # The work of an earlier run in the same workspace goes on to count.
    assert numbers(place.drive(place.order(start=start), claude(IDLE))) == (1, 1, True)
    assert numbers(place.drive(place.order(start=start), claude(WORKS))) == (2, 1, True)


def test_a_pull_request_that_is_gone_is_told(place: Place, claude: Callable[[str], Path]) -> None:
    journal = place.drive(place.order(start="refs/pull/404/head"), claude(WORKS))
    assert events(journal) == ["clone", "failed", "finished"]
    assert last(journal, "failed")["reason"] == "base_missing"
    assert "refs/pull/404/head" in str(last(journal, "failed")["output"])


@pytest.mark.parametrize(("body", "expected"), [(IDLE, (0, 0, False)), (WORKS, (1, 1, True))])
def test_a_persons_branch_counts_from_where_it_was(
    place: Place, claude: Callable[[str], Path], body: str, expected: tuple[int, int, bool]
) -> None:
    for number in range(3):
        theirs = place.push_file(f"theirs-{number}.txt", "theirs\n", BRANCH)
    journal = place.drive(place.order(), claude(body))
    assert numbers(journal) == expected
    assert not [line for line in own(journal) if line["event"] == "failed"]
    assert git(place.remote, "rev-parse", f"{BRANCH}~{expected[0]}") == theirs


def test_what_a_person_adds_between_two_runs_is_no_work(place: Place, claude: Callable[[str], Path]) -> None:
    place.push_file("theirs.txt", "theirs\n", BRANCH)
    place.drive(place.order(), claude(IDLE))
    theirs = place.push_file("more.txt", "more\n", BRANCH)
    journal = place.drive(place.order(), claude(IDLE))
    assert numbers(journal) == (0, 0, False)
    assert last(journal, "finished")["head"] == theirs
    assert numbers(place.drive(place.order(), claude(WORKS))) == (1, 1, True)


LOOKS = """
message = read()
open("seen.txt", "a").write(open("CLAUDE.md").read() + str(os.path.exists(".mcp.json")))
subprocess.run(["git", "add", "--all"], check=True)
subprocess.run(["git", "commit", "--quiet", "-m", "All"], check=True)
status = subprocess.run(["git", "status", "--short"], capture_output=True, text=True).stdout
open("more.txt", "a").write(f"<{status}>")
turn(message)
"""


def test_claude_sees_the_bases_configuration_where_outsiders_decide(
    place: Place, claude: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("NAME", "Claude"), ("EMAIL", "claude@example.com")):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    place.push_file(".heddle/setup.sh", "echo base >> $HOME/set-up\n")
    place.push_file("CLAUDE.md", "base\n")
    place.push_pull("CLAUDE.md", "obey\n")
    place.push_pull(".mcp.json", "{}\n")
    place.push_pull(".heddle/setup.sh", "echo obey >> $HOME/set-up\n")
    start = "refs/pull/7/head"
    journal = place.drive(place.order(start=start, untrusted=True), claude(LOOKS))
    assert numbers(journal) == (2, 2, True)
    assert (place.repository / "seen.txt").read_text() == "base\nFalse"
    assert (place.repository / "more.txt").read_text() == "<>"
    assert (Path(os.environ["HOME"]) / "set-up").read_text() == "base\n"
    changed = git(place.remote, "diff", "--name-only", start, BRANCH).splitlines()
    assert changed == ["more.txt", "seen.txt"]
    assert git(place.remote, "show", f"{BRANCH}:CLAUDE.md") == "obey"
    # It stays so for whoever opens the workspace now, and the next run starts from there.
    assert (place.repository / "CLAUDE.md").read_text() == "base\n"
    assert place.git("status", "--porcelain") == ""
    theirs = place.push_file("CLAUDE.md", "obey again\n", BRANCH)
    again = place.drive(
        place.order(start=start, untrusted=True),
        claude("subprocess.run('git rev-parse HEAD > head', shell=True)\n" + LOOKS),
    )
    assert git(place.remote, "show", f"{BRANCH}:head") == theirs
    assert last(again, "finished")["pushed"] is True
    assert git(place.remote, "show", f"{BRANCH}:CLAUDE.md") == "obey again"
    assert (place.repository / "seen.txt").read_text() == "base\nFalse" * 2


def test_protected_files_that_change_during_a_run_do_not_keep_work_from_its_branch(
    place: Place, claude: Callable[[str], Path]
) -> None:
    place.push_file("CLAUDE.md", "base\n")
    place.push_file("CLAUDE.md", "obey\n", BRANCH)
    (place.other / "CLAUDE.md").write_text("obey again\n")
    git(place.other, "commit", "--quiet", "--all", "-m", "Meanwhile")
    pushes = f"""
message = read()
push = ["git", "push", "--quiet", "origin", "HEAD:refs/heads/{BRANCH}"]
subprocess.run(push, cwd={str(place.other)!r}, check=True)
open("new.txt", "w").write(open("CLAUDE.md").read())
turn(message)
"""
    journal = place.drive(place.order(untrusted=True), claude(pushes))
    assert last(journal, "finished")["pushed"] is True
    assert git(place.remote, "show", f"{BRANCH}:CLAUDE.md") == "obey again"
    assert git(place.remote, "show", f"{BRANCH}:new.txt") == "base"
    assert (place.repository / "CLAUDE.md").read_text() == "base\n"


def test_claude_does_not_start_where_the_base_can_not_be_had(
    place: Place, claude: Callable[[str], Path]
) -> None:
    place.push_pull("CLAUDE.md", "obey\n")
    order = place.order(start="refs/pull/7/head", untrusted=True, base="nowhere")
    journal = place.drive(order, claude(WORKS))
    assert events(journal) == ["clone", "failed", "finished"]
    assert last(journal, "failed")["reason"] == "base_missing"


def test_a_killed_container_is_protected_again(place: Place, claude: Callable[[str], Path]) -> None:
    place.push_file("CLAUDE.md", "base\n")
    place.push_pull("CLAUDE.md", "obey\n")
    run = place.order(start="refs/pull/7/head", untrusted=True)
    process = place.start(run, claude("open('ready', 'w'); read(); time.sleep(60)"))
    wait_for((place.repository / "ready").exists)
    process.kill()
    process.wait()
    kill_all_of(run.run_id)
    place.git("update-index", "--no-skip-worktree", "CLAUDE.md")
    place.git("checkout", "--quiet", "CLAUDE.md")
    journal = place.drive(run, claude("open('seen', 'w').write(open('CLAUDE.md').read()); turn(read())"))
    assert last(journal, "finished")["pushed"] is True
    assert git(place.remote, "show", f"{BRANCH}:seen") == "base"
    assert git(place.remote, "show", f"{BRANCH}:CLAUDE.md") == "obey"


def test_messages_reach_the_running_session_until_the_last_moment(
    place: Place, claude: Callable[[str], Path]
) -> None:
    run = place.order("one")
    process = place.start(
        run, claude("first = read(); open('ready', 'w'); turn(first, read()['uuid'])\n" + WORKS)
    )
    wait_for((place.repository / "ready").exists)
    (run.folder / "inbox" / "1.json").write_text(json.dumps({"id": "message-x", "text": "two"}))
    # The stand-in never replays this one: the driver waits for it, and takes the next.
    wait_for(lambda: "message-x" in (run.folder / "stdout.jsonl").read_text())
    (run.folder / "inbox" / "2.json").write_text(json.dumps({"id": "message-y", "text": "three"}))
    wait_for(lambda: "message-y" in (run.folder / "stdout.jsonl").read_text())
    assert (run.folder / "inbox").is_dir()
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert (run.folder / "inbox.closed").is_dir()
    assert "three" in (place.repository / "new.txt").read_text()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("sys.exit(3)", 3),
        ("read(); os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("read(); print('no JSON'); print('half a line', end=''); sys.exit(0)", 0),
    ],
)
def test_what_a_failing_claude_left_is_saved_and_pushed(
    place: Place, claude: Callable[[str], Path], body: str, code: int
) -> None:
    run = place.order()
    process = place.start(
        run, claude("open('new.txt', 'w').write('x'); sys.stderr.write('oh no'); sys.stderr.flush();" + body)
    )
    process.wait(20)
    lines = (run.folder / "stdout.jsonl").read_bytes().splitlines()
    ours = [json.loads(line) for line in lines if b'"heddle"' in line]
    assert [line["code"] for line in ours if line["event"] == "claude_exit"] == [code]
    assert ours[-1]["event"] == "finished"
    assert ours[-1]["pushed"] is True
    assert "oh no" in (run.folder / "stderr.log").read_text()
    if code == 0:
        assert b"half a line" in lines


def test_the_time_limit(place: Place, claude: Callable[[str], Path]) -> None:
    ignores = (
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(7)); open('new.txt', 'w'); read(); time.sleep(60)"
    )
    journal = place.drive(place.order(time_limit=0.8), claude(ignores))
    end = last(journal, "claude_exit")
    assert (end["timed_out"], end["stopped"], end["code"]) == (True, False, 7)
    assert last(journal, "finished")["pushed"] is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_saves_the_work_and_ends_what_claude_started(
    place: Place, claude: Callable[[str], Path], number: signal.Signals
) -> None:
    run = place.order()
    starts = """
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
open("new.txt", "w").write("x")
open(os.environ["HOME"] + "/child", "w").write(f"{child.pid}\\n")
read()
time.sleep(60)
"""
    process = place.start(run, claude(starts))
    child = Path(os.environ["HOME"]) / "child"
    wait_for(lambda: child.exists() and child.read_text().endswith("\n"))
    process.send_signal(number)
    process.wait(20)
    journal = journal_of(run)
    assert events(journal) == ["clone", "claude", "stop", "claude_exit", "save", "push", "finished"]
    assert last(journal, "claude_exit")["stopped"] is True
    assert last(journal, "finished")["pushed"] is True
    wait_for(lambda: not is_running(int(child.read_text())))


def is_running(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_an_unknown_session_is_begun_again(place: Place, claude: Callable[[str], Path]) -> None:
    forgets = """
if "--resume" in sys.argv:
    say(type="result", subtype="error_during_execution", is_error=True, errors=["No conversation found with session ID: x"])
    sys.exit(1)
turn(read())
"""
    journal = place.drive(place.order(resume=SESSION), claude(forgets))
    assert events(journal) == ["clone", "claude", "session_lost", "claude_exit", "save", "finished"]
    assert last(journal, "claude_exit")["code"] == 0


def test_a_missing_claude_is_told(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "few"
    programs.mkdir()
    found = subprocess.run(
        ["sh", "-c", "command -v git"], capture_output=True, text=True, check=True
    ).stdout.strip()
    (programs / "git").symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    journal = place.drive(place.order())
    assert last(journal, "failed")["reason"] == "internal"
    assert last(journal, "claude_exit")["code"] == 127


def test_a_missing_base_ends_the_run(place: Place, claude: Callable[[str], Path]) -> None:
    journal = place.drive(place.order(base="nowhere"), claude(WORKS))
    assert events(journal) == ["clone", "failed", "finished"]
    assert last(journal, "failed")["reason"] == "base_missing"


def test_a_broken_order_still_ends_the_journal(place: Place) -> None:
    run = place.order()
    (run.folder / "run.json").write_text("{")
    journal = place.drive(run)
    assert events(journal) == ["failed", "finished"]


def test_set_up_runs_once_and_before_claude(place: Place, claude: Callable[[str], Path]) -> None:
    place.push_file(".heddle/setup.sh", "echo preparing; echo ready >> setup.log\n")
    programs = claude("open('seen.txt', 'w').write(open('setup.log').read()); turn(read())")
    first = place.order()
    assert events(place.drive(first, programs))[:3] == ["clone", "setup", "claude"]
    assert (first.folder / "setup.log").read_text() == "preparing\n"
    assert "setup" not in events(place.drive(place.order(), programs))
    assert (place.repository / "seen.txt").read_text() == "ready\n"


def test_what_set_up_leaves_is_no_work(place: Place, claude: Callable[[str], Path]) -> None:
    place.push_file(".heddle/setup.sh", "mkdir modules; touch modules/a 'odd [name]* ' prepared.txt\n")
    journal = place.drive(place.order(), claude("open('n', 'w'); turn(read())"))
    assert place.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()[-1] == "n"
    assert place.git("status", "--porcelain") == ""
    assert last(journal, "finished")["files"] == 1


def test_a_failed_set_up_is_told_and_tried_again(place: Place, claude: Callable[[str], Path]) -> None:
    place.push_file(".heddle/setup.sh", "echo no such package; exit 4\n")
    journal = place.drive(place.order(), claude(WORKS))
    assert events(journal) == ["clone", "setup", "failed", "finished"]
    assert (last(journal, "failed")["reason"], last(journal, "failed")["output"]) == (
        "setup_failed",
        "no such package\n",
    )
    assert last(journal, "finished")["pushed"] is False
    (place.repository / ".heddle" / "setup.sh").write_text("true\n")
    assert "claude" in events(place.drive(place.order(), claude(WORKS)))


def test_a_set_up_that_leaves_a_service_running_does_not_hold_the_run(
    place: Place, claude: Callable[[str], Path]
) -> None:
    place.push_file(".heddle/setup.sh", "sleep 30 & echo $! > $HOME/service\n")
    journal = place.drive(place.order(), claude(WORKS))
    service = int((Path(os.environ["HOME"]) / "service").read_text())
    assert is_running(service)
    os.kill(service, signal.SIGKILL)
    assert last(journal, "finished")["pushed"] is True


def test_a_set_up_without_end_is_ended(place: Place, claude: Callable[[str], Path]) -> None:
    place.push_file(".heddle/setup.sh", "sleep 60\n")
    journal = place.drive(place.order(time_limit=0.5), claude(WORKS))
    assert last(journal, "failed")["reason"] == "setup_failed"
    assert "was ended after" in str(last(journal, "failed")["output"])


def test_a_stop_during_set_up_saves_nothing(place: Place, claude: Callable[[str], Path]) -> None:
    place.push_file(".heddle/setup.sh", "echo half > half.txt; touch $HOME/begun; sleep 60\n")
    run = place.order()
    process = place.start(run, claude(WORKS))
    wait_for((Path(os.environ["HOME"]) / "begun").exists)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert events(journal_of(run)) == ["clone", "setup", "stop", "finished"]
    assert last(journal_of(run), "finished")["commits"] == 0


def test_a_refused_push_is_told(place: Place, claude: Callable[[str], Path]) -> None:
    hook = place.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'not on a Friday'\nexit 1\n")
    hook.chmod(0o755)
    journal = place.drive(place.order(), claude(WORKS))
    assert events(journal)[-3:] == ["push", "failed", "finished"]
    assert last(journal, "failed")["reason"] == "push_refused"
    assert "not on a Friday" in str(last(journal, "failed")["output"])


def test_a_killed_container_goes_on_where_it_was(place: Place, claude: Callable[[str], Path]) -> None:
    dies = """
open(os.environ["HOME"] + "/starts", "a").write(" ".join(sys.argv[1:]) + "\\n")
message = read()
if "--resume" not in sys.argv:
    open("half.txt", "w").write("half")
    say(type="system", subtype="init")
    say(type="user", isReplay=True, uuid=message["uuid"], message=message["message"])
    time.sleep(60)
open("said.txt", "w").write(message["message"]["content"])
turn(message)
"""
    place.push_file(".heddle/setup.sh", "echo x >> $HOME/set-up\n")
    run = place.order()
    process = place.start(run, claude(dies))
    wait_for(
        lambda: (
            (run.folder / "stdout.jsonl").exists() and "isReplay" in (run.folder / "stdout.jsonl").read_text()
        )
    )
    process.kill()
    process.wait()
    kill_all_of(run.run_id)
    journal = place.drive(run, claude(dies))
    assert events(journal) == [
        "clone",
        "setup",
        "claude",
        "restart",
        "claude",
        "claude_exit",
        "save",
        "push",
        "finished",
    ]
    home = Path(os.environ["HOME"])
    assert f"--resume {SESSION}" in (home / "starts").read_text()
    assert (home / "set-up").read_text() == "x\n"
    assert "restarted" in (place.repository / "said.txt").read_text()
    assert (place.repository / "half.txt").exists()
    before = (run.folder / "stdout.jsonl").read_bytes()
    place.drive(run, claude(dies))
    assert (run.folder / "stdout.jsonl").read_bytes() == before


def kill_all_of(run_id: str) -> None:
    """What dies with a real container."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and f"HEDDLE_RUN={run_id}".encode() in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


@pytest.mark.parametrize("stopped", [False, True])
def test_a_container_that_died_while_pushing_only_pushes(
    place: Place, claude: Callable[[str], Path], stopped: bool
) -> None:
    place.drive(place.order("one"), claude(WORKS))
    run = place.order("two")
    (place.repository / "more.txt").write_text("more")
    lines = [
        {"event": "phase", "phase": "claude"},
        {"event": "stop"} if stopped else {"event": "claude_exit", "code": 0},
    ]
    if stopped:
        (run.folder / "stop").touch()
    (run.folder / "stdout.jsonl").write_text(
        "".join(json.dumps({"type": "heddle", **line}) + "\n" for line in lines)
    )
    journal = place.drive(run, claude(WORKS))
    assert events(journal)[2:] == ["restart", *(["stop"] if stopped else []), "save", "push", "finished"]
    assert last(journal, "finished")["head"] == place.remote_head()


def test_the_command_line_is_checked() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "headless"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "images" / "workspace")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (2, "usage: python3 -m headless RUN_DIR\n")


def test_what_a_signal_from_outside_has_ended_goes_on(place: Place, claude: Callable[[str], Path]) -> None:
    """A Docker or a machine that is shut down signals like a person's stop; only that one leaves a wish."""
    waits = """
message = read()
say(type="system", subtype="init")
say(type="user", isReplay=True, uuid=message["uuid"], message=message["message"])
open("half.txt", "w").write("half")
if "--resume" not in sys.argv:
    time.sleep(60)
open("whole.txt", "w").write("whole")
say(type="result", subtype="success", is_error=False, result="done", num_turns=1)
while message := read():
    turn(message)
"""
    run = place.order()
    process = place.start(run, claude(waits))
    wait_for((place.repository / "half.txt").exists)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert events(journal_of(run))[-1] == "finished"
    (run.folder / "inbox.closed" / "1.json").write_text(json.dumps({"id": "message-x", "text": "also"}))
    journal = place.drive(run, claude(waits))
    again = events(journal)[events(journal).index("restart") :]
    assert again == ["restart", "claude", "claude_exit", "save", "push", "finished"]
    assert last(journal, "claude_exit")["stopped"] is False
    assert "message-x" in (run.folder / "stdout.jsonl").read_text()
    assert git(place.remote, "show", f"{BRANCH}:whole.txt") == "whole"
    before = (run.folder / "stdout.jsonl").read_bytes()
    place.drive(run, claude(waits))  # from now on it is at its end
    assert (run.folder / "stdout.jsonl").read_bytes() == before


def test_a_wish_to_stop_outlives_the_container(place: Place, claude: Callable[[str], Path]) -> None:
    run = place.order()
    process = place.start(run, claude("open('half.txt', 'w').write('half'); read(); time.sleep(60)"))
    wait_for((place.repository / "half.txt").exists)
    process.kill()
    process.wait()
    kill_all_of(run.run_id)
    (run.folder / "stop").touch()
    journal = place.drive(run, claude("open('never.txt', 'w')"))
    again = events(journal)[events(journal).index("restart") :]
    assert again == ["restart", "stop", "save", "push", "finished"]
    assert git(place.remote, "show", f"{BRANCH}:half.txt") == "half"
    assert not (place.repository / "never.txt").exists()


def test_set_up_that_was_broken_off_leaves_no_work(place: Place, claude: Callable[[str], Path]) -> None:
    script = "touch half.txt; [ -e $HOME/again ] || { touch $HOME/again; sleep 60; }\n"
    place.push_file(".heddle/setup.sh", script)
    run = place.order()
    process = place.start(run, claude(WORKS))
    wait_for((Path(os.environ["HOME"]) / "again").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    journal = place.drive(run, claude(WORKS))
    assert events(journal)[:4] == ["clone", "setup", "restart", "setup"]
    assert git(place.repository, "ls-tree", "-r", "--name-only", "HEAD").count("half.txt") == 0
    assert last(journal, "finished")["files"] == 1


@pytest.mark.parametrize("phase", ["claude", "save", "push"])
def test_locks_of_a_git_that_died_are_no_obstacle(
    place: Place, claude: Callable[[str], Path], phase: str
) -> None:
    place.drive(place.order("one"), claude(WORKS))
    run = place.order("two")
    (place.repository / "more.txt").write_text("more")
    lines: list[dict[str, object]] = [{"event": "phase", "phase": "claude"}]
    if phase != "claude":
        lines += [{"event": "claude_exit", "code": 0}, {"event": "phase", "phase": phase}]
    journal = "".join(json.dumps({"type": "heddle", **entry}) + "\n" for entry in lines)
    (run.folder / "stdout.jsonl").write_text(journal)
    for name in ("index", "HEAD", "config", "packed-refs", f"refs/heads/{BRANCH}"):
        (place.repository / ".git" / f"{name}.lock").touch()
    done = last(place.drive(run, claude(WORKS)), "finished")
    assert (done["pushed"], done["head"]) == (True, place.remote_head())
    assert git(place.remote, "show", f"{BRANCH}:more.txt") == "more"


def test_a_rebase_that_a_push_had_begun_is_done_again(place: Place, claude: Callable[[str], Path]) -> None:
    place.drive(place.order("one"), claude(WORKS))
    (place.repository / "mine.txt").write_text("mine")
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "Mine")
    theirs = place.push_file("theirs.txt", "theirs", BRANCH)
    run = place.order("two")
    (run.folder / "onto").write_text(theirs)
    phases: list[dict[str, object]] = [
        {"event": "phase", "phase": "claude"},
        {"event": "claude_exit", "code": 0},
        {"event": "phase", "phase": "push"},
    ]
    (run.folder / "stdout.jsonl").write_text(
        "".join(json.dumps({"type": "heddle", **entry}) + "\n" for entry in phases)
    )
    place.git("fetch", "--quiet", "origin", BRANCH)
    subprocess.run(
        ["git", "rebase", "--quiet", "--exec", "rm mine.txt; false", "FETCH_HEAD"],
        cwd=place.repository,
        capture_output=True,
        check=False,
    )
    assert (place.repository / ".git" / "rebase-merge").is_dir()
    journal = place.drive(run, claude(WORKS))
    assert last(journal, "finished")["pushed"] is True
    assert git(place.remote, "show", f"{BRANCH}:mine.txt") == "mine"
    assert git(place.remote, "show", f"{BRANCH}:theirs.txt") == "theirs"


def test_news_that_were_taken_in_by_half_are_taken_in_again(
    place: Place, claude: Callable[[str], Path]
) -> None:
    place.push_file("theirs.txt", "old\n", BRANCH)
    place.drive(place.order("one"), claude(IDLE))
    newer = place.push_file("theirs.txt", "new\n", BRANCH)
    run = place.order("two")
    entry = {"type": "heddle", "event": "phase", "phase": "clone"}
    (run.folder / "stdout.jsonl").write_text(json.dumps(entry) + "\n")
    (run.folder / "taking-over").touch()
    (place.repository / "theirs.txt").write_text("ne")
    (place.repository / ".git" / "index.lock").touch()
    journal = place.drive(run, claude(IDLE))
    assert last(journal, "finished")["head"] == newer
    assert (place.repository / "theirs.txt").read_text() == "new\n"
