"""Several scripts at once, told apart by a marker in what people say."""

from __future__ import annotations

from dataclasses import replace

from playground.model.answer import Reply, Script
from playground.model.conversation import Conversation


class Scripts:
    """Chooses a script by the latest prompt that contains one of the markers; `otherwise` when none does.

    The chosen script counts from that prompt on, so a follow-up with a marker of its own starts its script at the
    first step. Prompts steered into a turn count as well. Of several markers in a prompt the longest wins.
    """

    def __init__(self, otherwise: Script) -> None:
        self._otherwise = otherwise
        self._by_marker: dict[str, Script] = {}

    def add(self, marker: str, script: Script) -> None:
        """From now on conversations with this marker follow this script. Raises ValueError for an empty marker."""
        if not marker:
            raise ValueError("a marker must be a text that only the wanted prompts contain")
        self._by_marker[marker] = script

    def answer(self, conversation: Conversation) -> Reply:
        for prompt in reversed(conversation.prompts):
            found = [marker for marker in self._by_marker if marker in prompt.text]
            if found:
                script = self._by_marker[max(found, key=len)]
                return script.answer(replace(conversation, since=prompt.at))
        return self._otherwise.answer(conversation)
