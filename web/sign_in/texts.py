"""What the pages of signing in say when it goes no further."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A page that says why it went no further, and what to do next."""

    status: int
    title: str
    text: str


DENIED = Problem(
    403,
    "You aren’t signed in",
    "You didn’t let Heddle see who you are on {title}. If that was a mistake, try again.",
)
STRANGER = Problem(
    403,
    "This browser didn’t start this",
    "Nobody was signed in. Start again here, and stay in one tab until you are signed in. This browser must accept "
    "cookies, and a sign-in must be finished within ten minutes.",
)
FOREIGN = Problem(
    403,
    "That is another Slack workspace",
    "This Heddle only knows the people of its own Slack workspace. Sign in to that one in Slack, then try again.",
)
REFUSED = Problem(
    400,
    "{title} refused",
    "Nobody was signed in. Try again. If this happens once more, tell whoever runs Heddle that {title} said “{error}”.",
)
SILENT = Problem(
    502,
    "{title} didn’t answer",
    "Nobody was signed in. Try again in a minute. If this happens once more, tell whoever runs Heddle.",
)
VOID = Problem(
    404,
    "This link doesn’t work any more",
    "A link is good for ten minutes, and once. Press “Open workspace” in the thread again, and Heddle gives you a "
    "new one.",
)
OTHER_ORIGIN = Problem(
    403,
    "That didn’t come from this page",
    "Nothing was changed. Only Heddle’s own pages may do this; load the page again and press the button there.",
)
