"""Claude Code's part of a conversation, without Claude Code: runs what a script calls and asks it again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from playground.model.answer import Answer, Script
from playground.model.conversation import Conversation, Message, Role, Text, ToolResult, ToolUse

Runner = Callable[[ToolUse], tuple[str, bool]]
WORK_TOOLS = frozenset({"Bash", "Read", "Write", "Edit"})


@dataclass
class Loop:
    """A conversation that goes on. answers: everything that the script said."""

    script: Script
    run: Runner
    tools: frozenset[str] = WORK_TOOLS
    directory: str = ""
    messages: list[Message] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def conversation(self) -> Conversation:
        system = f"Primary working directory: {self.directory}\n" if self.directory else ""
        return Conversation("claude-opus-5-5", tuple(self.messages), self.tools, system)

    def ask(self, prompt: str, steered: Sequence[tuple[int, str]] = (), limit: int = 40) -> str:
        """One turn, to the words that end it. steered: texts said after the answer with that number in this turn."""
        self.messages.append(Message(Role.USER, (Text(prompt),)))
        for number in range(limit):
            reply = self.script.answer(self.conversation())
            assert isinstance(reply, Answer)
            self.answers.append(reply)
            blocks = tuple(
                replace(block, id=f"toolu_{len(self.messages)}_{at}") if isinstance(block, ToolUse) else block
                for at, block in enumerate(reply.blocks)
            )
            self.messages.append(Message(Role.ASSISTANT, blocks))
            uses = [block for block in blocks if isinstance(block, ToolUse)]
            if not uses:
                return "".join(block.text for block in blocks if isinstance(block, Text))
            self.messages.append(Message(Role.USER, tuple(self._result(use) for use in uses)))
            self.messages.extend(
                Message(Role.SYSTEM, (Text(steering_note(text)),)) for at, text in steered if at == number
            )
        raise AssertionError(f"the script did not end its turn in {limit} answers")

    def calls(self, name: str) -> list[ToolUse]:
        return [
            block
            for answer in self.answers
            for block in answer.blocks
            if isinstance(block, ToolUse) and block.name == name
        ]

    def _result(self, use: ToolUse) -> ToolResult:
        text, failed = self.run(use)
        return ToolResult(use.id, text, failed)


def steering_note(text: str) -> str:
    """How Claude Code 2.1.329 hands over what was said during a turn."""
    return (
        f"The user sent a new message while you were working:\n{text}\n\n"
        "This is how Claude Code surfaces messages the user sends mid-turn."
    )


def always_fine(use: ToolUse) -> tuple[str, bool]:
    return "fine", False


@dataclass(frozen=True)
class RealTools:
    """The four tools, for real, with the results in Claude Code's form."""

    folder: Path

    def __call__(self, use: ToolUse) -> tuple[str, bool]:
        arguments = {name: str(value) for name, value in use.input.items()}
        if use.name == "Bash":
            done = subprocess.run(
                ["bash", "-c", arguments["command"]],
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            head = f"Exit code {done.returncode}\n" if done.returncode else ""
            return head + done.stdout, bool(done.returncode)
        path = Path(arguments["file_path"])
        assert path.is_absolute()
        if use.name == "Write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(arguments["content"])
            return "File created successfully", False
        if not path.exists():
            return "File does not exist.", True
        text = path.read_text()
        if use.name == "Read":
            return "".join(f"{at}\t{line}" for at, line in enumerate(text.splitlines(True), 1)), False
        if text.count(arguments["old_string"]) != 1:
            return "String to replace not found in file.", True
        path.write_text(text.replace(arguments["old_string"], arguments["new_string"]))
        return "The file has been updated successfully.", False
