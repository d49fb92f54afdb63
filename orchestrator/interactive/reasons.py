"""Why a workspace comes from one state to another, as people read it behind "because"."""

from __future__ import annotations

from orchestrator.containers import Container

OPENS = "{opener} opens it"
CLEAN_UP_LOOKS = "its conversation has ended, and Heddle looks what is in it"
OPEN = "its terminals answer"
RECOVERED = "its terminals answer again"
WOKEN = "somebody visits it"
AT_WORK = "something is at work in it"

DIED = "its container had died"
GONE = "its container was gone"
FROZEN = "its container had been paused by somebody else"
SILENT = "its terminals did not answer"
VOLUME_GONE = "its volume was gone"

CLOSES = "{closer} closes it"
ENDED = "its conversation has ended"
ON_THE_REMOTE = "everything is on the remote"
RESCUED = "its work is on the remote, at {ref}"
GIVEN_UP = "its work was given up"
KEPT = "it is kept, because it holds work that the remote lacks"
HANDED_OVER = "it is handed over to a run"


def of_container(found: Container | None) -> str:
    """Why there are no terminals, empty when it runs. A paused one may be Heddle's own doing."""
    if found is None:
        return GONE
    match found.state:
        case "running" | "restarting":
            return ""
        case "paused":
            return FROZEN
        case _:
            return DIED
