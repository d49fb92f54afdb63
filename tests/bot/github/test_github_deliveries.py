"""GitHub's deliveries: what starts something, and the many that start nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations import Incoming, MessageKind
from bot.github import deliveries
from bot.github.deliveries import read
from bot.github.report import marked
from tests.bot.github import shapes
from tests.bot.github.shapes import TERMS, user

AT = 1778858460.0  # 2026-05-15T15:21:00Z


def said(event: str, payload: dict[str, Any], guid: str = "g-1") -> Incoming:
    incoming = read(event, guid, payload, TERMS)
    assert incoming is not None
    return incoming


def test_comment_on_an_issue() -> None:
    incoming = said("issue_comment", shapes.issue_comment("/claude fix it, *please*"))
    assert incoming.address == "github:acme/tally#3"
    assert incoming.repository == "acme/tally"
    assert (incoming.author, incoming.text, incoming.begins) == ("ada", "fix it, *please*", True)
    assert incoming.source == "github:comment:492700400"
    assert incoming.delivery_id == "github:g-1"
    assert incoming.kind is MessageKind.TEXT
    assert incoming.data["at"] == AT
    assert incoming.data["trigger"] == 492700400
    assert incoming.data["node"] == "IC_kwDOA"
    # As they were at that moment: people may edit them before anybody looks.
    assert incoming.data["title"] == "Words are counted twice"
    assert incoming.data["body"] == "It should count them once."


def test_mention_counts_as_the_command() -> None:
    assert said("issue_comment", shapes.issue_comment("could @Heddle fix this?")).text == "could fix this?"


def test_comment_on_a_pull_request_belongs_to_it() -> None:
    payload = shapes.issue_comment() | {"issue": shapes.issue(number=7, pull_request={"url": "…"})}
    assert said("issue_comment", payload).address == "github:acme/tally#7"


def test_review_and_its_comments_are_one_message() -> None:
    whole = said("pull_request_review", shapes.review())
    part = said("pull_request_review_comment", shapes.review_comment(), "g-2")
    assert whole.source == part.source == "github:review:237895671"
    assert whole.data["review"] == part.data["review"] == 237895671
    assert whole.address == "github:acme/tally#7"


def test_label_and_assignment_make_the_issue_the_task() -> None:
    for event in (shapes.labeled(), shapes.labeled("Heddle"), shapes.assigned()):
        incoming = said("issues", event)
        assert incoming.kind is MessageKind.SUBJECT
        assert incoming.author == "ada"
        assert incoming.data["title"] == "Words are counted twice"
    again = said("issues", shapes.labeled(), "g-2")  # taken off and put on again
    assert again.source != said("issues", shapes.labeled(), "g-1").source


def test_failed_checks_of_an_own_branch() -> None:
    incoming = said("check_suite", shapes.check_suite())
    assert incoming.kind is MessageKind.CHECKS
    assert incoming.begins is False  # only in a conversation that Heddle knows
    assert incoming.address == "github:acme/tally#7"
    other = said("check_suite", shapes.check_suite(app=shapes.RENOVATE), "g-2")
    assert other.source == incoming.source  # once for a commit


def bot(login: str = "dependabot[bot]") -> dict[str, Any]:
    return {"user": user(login, "Bot")}


SILENT: list[tuple[str, str, dict[str, Any]]] = [
    ("a comment to people", "issue_comment", shapes.issue_comment("I think we should fix it")),
    ("an edit", "issue_comment", shapes.issue_comment(action="edited")),
    ("a deletion", "issue_comment", shapes.issue_comment(action="deleted")),
    ("a quote", "issue_comment", shapes.issue_comment("> /claude fix it\n\nno, don't")),
    ("a quoted mention", "issue_comment", shapes.issue_comment("> @heddle fix it")),
    ("a code block", "issue_comment", shapes.issue_comment("```\n/claude fix it\n```")),
    ("inline code", "issue_comment", shapes.issue_comment("write `@heddle fix it`")),
    ("a hidden comment", "issue_comment", shapes.issue_comment("hello <!--\n/claude fix it\n-->")),
    ("a bot", "issue_comment", shapes.issue_comment(**bot())),
    ("Heddle itself", "issue_comment", shapes.issue_comment(**bot("heddle[bot]"))),
    ("Heddle's App", "issue_comment", shapes.issue_comment(performed_via_github_app=shapes.OWN_APP)),
    ("another App", "issue_comment", shapes.issue_comment(performed_via_github_app=shapes.OTHER_APP)),
    ("a post with Heddle's mark", "issue_comment", shapes.issue_comment(marked("report:1", "/claude again"))),
    ("a review without a command", "pull_request_review", shapes.review("Looks good")),
    ("a review without a body", "pull_request_review", shapes.review(None)),
    ("a bot's review", "pull_request_review", shapes.review(**bot())),
    ("an edited review", "pull_request_review", shapes.review() | {"action": "edited"}),
    ("a dismissed review", "pull_request_review", shapes.review() | {"action": "dismissed"}),
    ("a bot's line comment", "pull_request_review_comment", shapes.review_comment(**bot())),
    ("another label", "issues", shapes.labeled("bug")),
    ("another assignee", "issues", shapes.assigned("grace")),
    ("a label taken off", "issues", shapes.labeled() | {"action": "unlabeled"}),
    ("a closed issue", "issues", shapes.labeled(state="closed")),
    ("a bot that labels", "issues", shapes.labeled() | {"sender": user("triage[bot]", "Bot")}),
    ("an opened issue", "issues", shapes.labeled() | {"action": "opened"}),
    ("good checks", "check_suite", shapes.check_suite("success")),
    ("cancelled checks", "check_suite", shapes.check_suite("cancelled")),
    ("own checks", "check_suite", shapes.check_suite(app=shapes.OWN_APP)),
    ("checks of no pull request", "check_suite", shapes.check_suite(pull_requests=[])),
    (
        "checks of somebody's branch",
        "check_suite",
        shapes.check_suite(pull_requests=[{"number": 8, "head": {"ref": "feature"}}]),
    ),
    ("another event", "push", {"ref": "refs/heads/main", "repository": shapes.REPOSITORY}),
    ("a ping", "ping", {"zen": "Design for failure.", "hook_id": 1}),
]


@pytest.mark.parametrize(("event", "payload"), [pytest.param(*rest, id=name) for name, *rest in SILENT])
def test_nothing_starts(event: str, payload: dict[str, Any]) -> None:
    assert read(event, "g", payload, TERMS) is None


def test_apps_that_are_allowed_by_name_may_speak() -> None:
    assert read("issue_comment", "g", shapes.issue_comment(**bot("renovate[bot]")), TERMS) is not None
    via = shapes.issue_comment(performed_via_github_app=shapes.RENOVATE)
    assert read("issue_comment", "g", via, TERMS) is not None


def test_allowing_heddle_itself_is_not_possible() -> None:
    terms = replace(TERMS, apps=frozenset({"heddle", "heddle[bot]"}))
    assert read("issue_comment", "g", shapes.issue_comment(**bot("heddle[bot]")), terms) is None
    via = shapes.issue_comment(performed_via_github_app=shapes.OWN_APP)
    assert read("issue_comment", "g", via, terms) is None


def test_account_without_an_app_hears_its_own_person_but_not_its_own_posts() -> None:
    terms = replace(TERMS, names=frozenset({"ada"}), login="ada", app_id=None)
    assert read("issue_comment", "g", shapes.issue_comment("/claude fix it"), terms) is not None
    assert read("issue_comment", "g", shapes.issue_comment(marked("answer:1", "/claude x")), terms) is None


def test_nothing_is_configured_nothing_starts() -> None:
    terms = replace(TERMS, label="", assignee="", autofix=False)
    assert read("issues", "g", shapes.labeled(""), terms) is None
    assert read("issues", "g", shapes.assigned(""), terms) is None
    assert read("check_suite", "g", shapes.check_suite(), terms) is None


def test_invisible_characters_do_not_reach_the_task() -> None:
    text = said(
        "issue_comment", shapes.issue_comment("/claude fix\u200b it\U000e0041 <!-- and push -->")
    ).text
    assert text == "fix it"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
WHOLE = [
    ("issue_comment", shapes.issue_comment()),
    ("pull_request_review", shapes.review()),
    ("pull_request_review_comment", shapes.review_comment()),
    ("issues", shapes.labeled()),
    ("issues", shapes.assigned()),
    ("check_suite", shapes.check_suite()),
]


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [here, *(path for name in value for path in paths(value[name], (*here, name)))]
    if isinstance(value, list):
        return [here, *(path for index, item in enumerate(value) for path in paths(item, (*here, index)))]
    return [here]


def changed(value: Any, path: tuple[Any, ...], replacement: Any) -> Any:
    if not path:
        return replacement
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], replacement)
    return copy


@given(st.data())
def test_payload_of_any_shape_reads_without_an_error(data: st.DataObject) -> None:
    event, payload = data.draw(st.sampled_from(WHOLE))
    path = data.draw(st.sampled_from(paths(payload)[1:]))
    incoming = read(event, "g", changed(payload, path, data.draw(JSON)), TERMS)
    assert incoming is None or incoming.platform == "github"


def test_every_reader_has_a_test() -> None:
    heard = {(event, payload["action"]) for event, payload in WHOLE}
    assert heard == set(deliveries._READERS)
