"""Reads an issue or a pull request from GitHub's GraphQL API: the query, and what its answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field

from bot.github.subjects import Author, Head, LineComment, Post, Review, Subject, SubjectKind, SubjectState

BOT_SUFFIX = "[bot]"  # an App's login has it in REST, and so everywhere else in Heddle
PENDING = "PENDING"
VERDICTS = frozenset({"APPROVED", "CHANGES_REQUESTED"})
NO_VERDICT = "COMMENTED"  # a dismissed review counts no more than this

_AUTHORED = "body bodyHTML lastEditedAt authorAssociation author { __typename login }"
_SUBJECT = f"""
      number title url createdAt {_AUTHORED}
      comments(last: 100) {{ nodes {{ url createdAt isMinimized {_AUTHORED} }} }}
"""
# Numbers are read from the addresses: newer ones don't fit into what GraphQL calls an integer.
QUERY = f"""
query($owner: String!, $name: String!, $number: Int!) {{
  repository(owner: $owner, name: $name) {{
    nameWithOwner
    defaultBranchRef {{ name }}
    issueOrPullRequest(number: $number) {{
      __typename
      ... on Issue {{
{_SUBJECT}
        state
      }}
      ... on PullRequest {{
{_SUBJECT}
        pullState: state
        headRefName headRefOid baseRefName isCrossRepository
        headRepository {{ nameWithOwner }}
        reviews(last: 50) {{
          nodes {{
            url state submittedAt isMinimized {_AUTHORED}
            comments(first: 50) {{
              nodes {{ url path line diffHunk createdAt isMinimized {_AUTHORED} }}
            }}
          }}
        }}
      }}
    }}
  }}
}}
"""

_NUMBER = re.compile(r"#(?:issuecomment-|pullrequestreview-|discussion_r)(\d+)$")


def read(data: Mapping[str, object]) -> Subject | None:
    """What `QUERY` was answered with; None when there is no such subject.

    Raises ValueError for a shape that GitHub does not send.
    """
    repository = _Answer.model_validate(data).repository
    found = repository.subject if repository is not None else None
    if repository is None or found is None:
        return None
    opening = Post(
        id=0,
        author=_author(found),
        body=found.body,
        created_at=found.created_at.timestamp(),
        edited_at=_seconds(found.edited_at),
        html=found.html,
    )
    posts = [_post(comment, comment.created_at) for comment in found.comments.nodes if comment is not None]
    pull = found if isinstance(found, _Pull) else None
    return Subject(
        repository=repository.name,
        number=found.number,
        kind=SubjectKind.ISSUE if pull is None else SubjectKind.PULL_REQUEST,
        state=SubjectState(found.state.lower()),
        title=found.title,
        url=found.url,
        opening=opening,
        posts=tuple(sorted(posts, key=_order)),
        reviews=() if pull is None else _reviews(pull),
        head=None if pull is None else Head(pull.branch, pull.sha, pull.crosses or pull.origin is None),
        base="" if pull is None else pull.base,
        default_branch=repository.default.name if repository.default is not None else "",
    )


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)


class _Actor(_Node):
    kind: str = Field(alias="__typename")
    login: str


class _Authored(_Node):
    url: str
    body: str
    html: str = Field(alias="bodyHTML")
    edited_at: Annotated[AwareDatetime | None, Field(alias="lastEditedAt", strict=False)]
    association: str = Field(alias="authorAssociation")
    author: _Actor | None


class _Written(_Authored):
    minimized: bool = Field(alias="isMinimized")


class _Comment(_Written):
    created_at: Annotated[AwareDatetime, Field(alias="createdAt", strict=False)]


class _LineComment(_Comment):
    path: str
    line: int | None
    hunk: str = Field(alias="diffHunk")


class _Comments(_Node):
    nodes: list[_Comment | None]


class _LineComments(_Node):
    nodes: list[_LineComment | None]


class _Review(_Written):
    state: str
    submitted_at: Annotated[AwareDatetime | None, Field(alias="submittedAt", strict=False)]
    comments: _LineComments


class _Reviews(_Node):
    nodes: list[_Review | None]


class _Repository(_Node):
    name: str = Field(alias="nameWithOwner")


class _Subject(_Authored):
    number: int
    title: str
    created_at: Annotated[AwareDatetime, Field(alias="createdAt", strict=False)]
    comments: _Comments


class _Issue(_Subject):
    kind: Literal["Issue"] = Field(alias="__typename")
    state: Literal["OPEN", "CLOSED"]


class _Pull(_Subject):
    kind: Literal["PullRequest"] = Field(alias="__typename")
    state: Literal["OPEN", "CLOSED", "MERGED"] = Field(alias="pullState")
    branch: str = Field(alias="headRefName")
    sha: str = Field(alias="headRefOid")
    base: str = Field(alias="baseRefName")
    crosses: bool = Field(alias="isCrossRepository")
    origin: _Repository | None = Field(alias="headRepository")
    reviews: _Reviews | None


class _Branch(_Node):
    name: str


class _Found(_Repository):
    default: _Branch | None = Field(alias="defaultBranchRef")
    subject: Annotated[_Issue | _Pull, Discriminator("kind")] | None = Field(alias="issueOrPullRequest")


class _Answer(_Node):
    repository: _Found | None


def _reviews(pull: _Pull) -> tuple[Review, ...]:
    nodes = pull.reviews.nodes if pull.reviews is not None else []
    reviews = [
        Review(
            _post(node, node.submitted_at),
            node.state if node.state in VERDICTS else NO_VERDICT,
            tuple(_line_comment(comment) for comment in node.comments.nodes if comment is not None),
        )
        for node in nodes
        if node is not None and node.state != PENDING and node.submitted_at is not None
    ]
    return tuple(sorted(reviews, key=lambda review: _order(review.post)))


def _line_comment(node: _LineComment) -> LineComment:
    return LineComment(_post(node, node.created_at), node.path, node.line, node.hunk)


def _post(node: _Written, created_at: datetime) -> Post:
    number = _NUMBER.search(node.url)
    if number is None:
        raise ValueError(f"not the address of a comment or a review: {node.url}")
    return Post(
        id=int(number[1]),
        author=_author(node),
        body=node.body,
        created_at=created_at.timestamp(),
        edited_at=_seconds(node.edited_at),
        minimized=node.minimized,
        html=node.html,
    )


def _author(node: _Authored) -> Author:
    if node.author is None:
        return Author("", node.association)
    bot = node.author.kind == "Bot"
    login = node.author.login
    return Author(f"{login.removesuffix(BOT_SUFFIX)}{BOT_SUFFIX}" if bot else login, node.association, bot)


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()


def _order(post: Post) -> tuple[float, int]:
    return post.created_at, post.id
