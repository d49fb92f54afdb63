"""What the demo's model can change in the sample repository, one generator per task.

Each yields turns, gets their outcomes, and returns its summary in markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence

from orchestrator.report import Todo, TodoStatus
from playground.model.conversation import ToolUse
from playground.model.plan import Outcome, Turn

Work = Generator[Turn, Outcome, str]
Job = Callable[[str], Work]

TESTS = "python3 -m unittest"
BUG = "    ranked = sorted(counts.items(), key=lambda entry: (entry[1], entry[0]), reverse=True)\n"
REPAIR = "    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))\n"

_FAILED = re.compile(r"^(?:FAIL|ERROR): \S+ \(([\w.]+)\)", re.MULTILINE)
_RENAME = re.compile(
    r"\brenam\w*\s+(?:the\s+)?(?:\w+\s+)??[`'\"]?([A-Za-z_]\w*)[`'\"]?(?:\(\))?\s+(?:to|into|as)\s+[`'\"]?([A-Za-z_]\w*)",
    re.IGNORECASE,
)
_SHOUT_TEST = """
    def test_shouting(self):
        self.assertEqual(run("go go stop", "--shout"), "GO    2  ########\\nSTOP  1  ####\\n")

    def test_nothing_for_an_empty_text"""
_SHOUT_EDITS = (
    (
        "tally/__main__.py",
        'help="leave a word out")\n',
        'help="leave a word out")\n'
        '    options.add_argument("--shout", action="store_true", help="print in upper case")\n',
    ),
    (
        "tally/__main__.py",
        "        print(line)\n",
        "        print(line.upper() if options.shout else line)\n",
    ),
    ("README.md", "given several times\n", "given several times\n- `--shout`: print in upper case\n"),
    ("tests/test_command.py", "\n    def test_nothing_for_an_empty_text", _SHOUT_TEST),
)


def bash(command: str, description: str) -> ToolUse:
    return ToolUse("Bash", {"command": command, "description": description})


def read(path: str) -> ToolUse:
    return ToolUse("Read", {"file_path": path})


def write(path: str, text: str) -> ToolUse:
    return ToolUse("Write", {"file_path": path, "content": text})


def edit(path: str, old: str, new: str) -> ToolUse:
    return ToolUse("Edit", {"file_path": path, "old_string": old, "new_string": new})


def progress(entries: Sequence[str], at: int) -> tuple[Todo, ...]:
    """A to-do list in which the entry with index `at` is being done and those before it are."""
    states = (TodoStatus.COMPLETED, TodoStatus.IN_PROGRESS, TodoStatus.PENDING)
    return tuple(Todo(entry, states[1 + (index > at) - (index < at)]) for index, entry in enumerate(entries))


def failed_tests(output: str) -> tuple[str, ...]:
    """The names of the tests that unittest's output reports as failed."""
    return tuple(dict.fromkeys(_FAILED.findall(output)))


def verdict(before: Outcome, after: Outcome) -> str:
    """What the tests say now, compared with before the change."""
    if after.ok:
        return "All tests pass."
    now, earlier = failed_tests(after.output), set(failed_tests(before.output))
    fresh = [name for name in now if name not in earlier]
    if not now:
        return f"The tests could not run:\n\n{quoted(after.output)}"
    if fresh:
        return f"**These tests fail now and did not before:** {names(fresh)}. This needs another look."
    return f"{names(now)} failed before my change and still does; I left it alone."


def names(items: Sequence[str]) -> str:
    return ", ".join(f"`{item}`" for item in items)


def quoted(output: str, lines: int = 15) -> str:
    """The last lines of an output as a code block."""
    return "```\n" + "\n".join(output.strip().splitlines()[-lines:]) + "\n```"


def fix_tests(prompt: str) -> Work:
    entries = ("Run the tests", "Find the cause", "Repair it", "Run the tests again")
    before = yield Turn(
        "I'll run the tests first, to see what fails.",
        (bash(TESTS, "Run the tests"),),
        progress(entries, 0),
    )
    if before.ok:
        return "All tests pass already, so I changed nothing."
    failing = failed_tests(before.output)
    if not failing:
        return f"The tests could not run, so I changed nothing:\n\n{quoted(before.output)}"
    files = yield Turn(
        f"{names(failing)} fails. I'll read the code and what the test expects.",
        (read("tests/test_words.py"), read("tally/words.py")),
        progress(entries, 1),
    )
    if not files.ok or REPAIR.strip() in files.output or BUG.strip() not in files.output:
        return (
            f"{names(failing)} fails, and I don't recognise the cause, so I changed nothing. "
            f"The end of the output:\n\n{quoted(before.output)}"
        )
    change = yield Turn(
        "`top` sorts by count and word, both reversed, so words with equal counts come out from Z to A. "
        "Only the count should be reversed.",
        (edit("tally/words.py", BUG, REPAIR),),
        progress(entries, 2),
    )
    if not change.ok:
        return f"I could not change `tally/words.py`:\n\n{quoted(change.output)}"
    after = yield Turn(calls=(bash(TESTS, "Run the tests again"),), todos=progress(entries, 3))
    yield Turn(calls=(bash("git diff --stat", "Show what changed"),), todos=progress(entries, len(entries)))
    return (
        "## Words with equal counts are in alphabetical order again\n\n"
        "`top` in `tally/words.py` reversed the whole sort key, so ties came out from Z to A. It now sorts by "
        f"descending count and then by word.\n\n{verdict(before, after)}"
    )


def add_shout(prompt: str) -> Work:
    entries = ("Read the command line", "Add `--shout`, with a test", "Run the tests", "Commit")
    paths = tuple(dict.fromkeys(path for path, _, _ in _SHOUT_EDITS))
    before = yield Turn(
        "I'll look at how the options are made, and whether the tests pass before I touch anything.",
        (*(read(path) for path in paths), bash(TESTS, "Run the tests")),
        progress(entries, 0),
    )
    files = before.calls[: len(paths)]
    if not all(call.ok for call in files):
        return "I only know how to add `--shout` to the sample project `tally`, and this is another one. Nothing changed."
    if any("--shout" in call.output for call in files):
        return "`--shout` is there already, so I changed nothing."
    tests = Outcome(before.calls[len(paths) :])
    change = yield Turn(
        "One option, one place that prints. I add a test and a line in the README too.",
        tuple(edit(path, old, new) for path, old, new in _SHOUT_EDITS),
        progress(entries, 1),
    )
    if not change.ok:
        return f"Not every change could be made:\n\n{quoted(change.output)}"
    tried = yield Turn(
        calls=(
            bash("printf 'go go stop' | python3 -m tally --shout", "Try the new option"),
            bash(TESTS, "Run the tests"),
        ),
        todos=progress(entries, 2),
    )
    after = Outcome(tried.calls[1:])
    commit = yield Turn(
        calls=(bash("git add -A && git commit -q -m 'Add a --shout option'", "Commit"),),
        todos=progress(entries, 3),
    )
    saved = (
        "It is committed."
        if commit.ok
        else f"The commit failed, the change is there:\n\n{quoted(commit.output)}"
    )
    yield Turn(
        calls=(bash("git log --oneline -1", "Show the commit"),), todos=progress(entries, len(entries))
    )
    return (
        "## `tally --shout`\n\n`printf 'go go stop' | python3 -m tally --shout` prints\n\n"
        f"{quoted(tried.calls[0].output)}\n\nThe README and a new test cover it. {saved}\n\n{verdict(tests, after)}"
    )


def rename(prompt: str) -> Work:
    asked = _RENAME.search(prompt)
    if asked is None:
        return "Please tell me both names, for example: rename `top` to `most_common`. Nothing changed."
    old, new = asked[1], asked[2]
    # Not `--old`, `.old` or "old": those are options, attributes and texts, which are names of something else.
    where = rf'(^|[^-._[:alnum:]"]){old}\b'
    sources = "--include='*.py' --include='*.md' ."
    entries = (f"Find every `{old}`", f"Rename it to `{new}`", "Run the tests")
    look = yield Turn(
        f"I'll look for every use of `{old}` first.",
        (
            bash(f"grep -rnE '{where}' {sources}", f"Find {old}"),
            bash(f"! grep -rnwE '{new}' {sources}", f"See whether {new} is taken"),
            bash(TESTS, "Run the tests"),
        ),
        progress(entries, 0),
    )
    if not look.calls[0].ok:
        return f"There is no `{old}` in the code, so I changed nothing."
    if not look.calls[1].ok:
        return f"`{new}` is there already, so I changed nothing:\n\n{quoted(look.calls[1].output)}"
    change = yield Turn(
        calls=(
            bash(f"grep -rlE '{where}' {sources} | xargs sed -i -E 's/{where}/\\1{new}/g'", f"Rename {old}"),
        ),
        todos=progress(entries, 1),
    )
    if not change.ok:
        return f"The renaming failed:\n\n{quoted(change.output)}"
    after = yield Turn(calls=(bash(TESTS, "Run the tests"),), todos=progress(entries, 2))
    stat = yield Turn(
        calls=(bash("git diff --stat", "Show what changed"),), todos=progress(entries, len(entries))
    )
    return f"## `{old}` is now `{new}`\n\n{quoted(stat.output)}\n\n{verdict(Outcome(look.calls[2:]), after)}"


def write_docs(prompt: str) -> Work:
    page = "docs/usage.md"
    entries = ("See what the program says itself", f"Write {page}")
    seen = yield Turn(
        "The program knows its options best, so I ask it.",
        (
            bash("python3 -m tally --help", "Ask for the options"),
            bash("python3 -m tally --top 5 README.md", "Make an example"),
            bash(f"test ! -e {page}", f"See whether {page} is there"),
        ),
        progress(entries, 0),
    )
    helped, example, free = seen.calls
    if not helped.ok or not example.ok:
        return f"The program did not run, so I wrote nothing:\n\n{quoted(seen.output)}"
    text = (
        "# Using tally\n\n`tally` counts words. These are its options:\n\n"
        f"```\n{helped.output.strip()}\n```\n\n"
        "For example, the five most frequent words of its own README, `python3 -m tally --top 5 README.md`:\n\n"
        f"```\n{example.output.strip()}\n```\n"
    )
    before = () if free.ok else (read(page),)
    change = yield Turn(calls=(*before, write(page, text)), todos=progress(entries, 1))
    if not change.ok:
        return f"I could not write `{page}`:\n\n{quoted(change.output)}"
    yield Turn(calls=(bash(f"wc -l {page}", "Look at the result"),), todos=progress(entries, len(entries)))
    return f"## Documentation\n\n`{page}` lists the options as the program prints them, with an example that I ran."
