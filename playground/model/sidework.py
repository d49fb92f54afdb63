"""What Claude Code asks the model beside the work itself: titles, summaries, a check that it is there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from playground.model.answer import Answer
from playground.model.conversation import Conversation, Role, Text

TITLE = "Scripted session"
FINE = "Fine."
SUMMARY = (
    "<analysis>\nScripted.\n</analysis>\n\n<summary>\nWhat the person asked for, in order:\n{}\n</summary>"
)

_COMPACTION = re.compile(
    r"(?:create|write|provide) (?:a |an )?(?:\w+ )?summary of (?:the|this|our) (?:\w+ )?conversation", re.I
)
_CHORE = re.compile(
    r"\b(?:title|topic|summari[sz]e|prompt suggestion|branch name|next user message)\b", re.IGNORECASE
)


def sidework(conversation: Conversation) -> Answer | None:
    """The answer to a side request; None when the request is the work itself."""
    if conversation.expects is not None:
        return Answer((Text(json.dumps(_example(conversation.expects))),))
    last = _last_words(conversation)
    if _COMPACTION.search(last):
        return Answer((Text(SUMMARY.format(_asked(conversation))),))
    if conversation.tools:
        return None
    if last.strip() == "quota":
        return Answer((Text(FINE),))
    if _CHORE.search(conversation.system):
        return Answer((Text(TITLE),))
    return None


def _last_words(conversation: Conversation) -> str:
    for message in reversed(conversation.messages):
        if message.role is Role.USER:
            return "\n".join(message.texts())
    return ""


def _asked(conversation: Conversation) -> str:
    said = [prompt.text for prompt in conversation.prompts if not _COMPACTION.search(prompt.text)]
    return "\n".join(f"{number}. {text}" for number, text in enumerate(said, start=1))


def _example(schema: Mapping[str, object]) -> object:
    """The smallest value that fits a JSON schema of the kinds that Claude Code sends."""
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties")
            parts = properties.items() if isinstance(properties, dict) else ()
            return {name: _example(part) for name, part in parts if isinstance(part, dict)}
        case "array":
            return []
        case "boolean":
            return False
        case "integer" | "number":
            return 0
        case _:
            return TITLE
