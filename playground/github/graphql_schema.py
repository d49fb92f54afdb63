"""The part of GitHub's GraphQL schema that is here, in GitHub's own names."""

from __future__ import annotations

from graphql import GraphQLSchema, build_schema

_PAGE = "(first: Int, last: Int, before: String, after: String)"

_ACTOR = """
  login: String!
  url: URI!
  avatarUrl(size: Int): URI!
"""

_WRITTEN = f"""
  id: ID!
  databaseId: Int
  url: URI!
  body: String!
  bodyHTML: HTML!
  createdAt: DateTime!
  updatedAt: DateTime!
  lastEditedAt: DateTime
  author: Actor
  authorAssociation: CommentAuthorAssociation!
  reactions{_PAGE}: ReactionConnection!
"""

_ISSUE = f"""
  number: Int!
  title: String!
  closed: Boolean!
  closedAt: DateTime
  comments{_PAGE}: IssueCommentConnection!
  labels{_PAGE}: LabelConnection
  assignees{_PAGE}: UserConnection!
  repository: Repository!
"""


def _connections(*types: str) -> str:
    return "".join(
        f"""
type {name}Connection {{
  totalCount: Int!
  nodes: [{name}]
  edges: [{name}Edge]
  pageInfo: PageInfo!
}}
type {name}Edge {{ cursor: String! node: {name} }}
"""
        for name in types
    )


_SCHEMA = f"""
scalar DateTime
scalar HTML
scalar URI
scalar GitObjectID

enum CommentAuthorAssociation {{
  COLLABORATOR CONTRIBUTOR FIRST_TIMER FIRST_TIME_CONTRIBUTOR MANNEQUIN MEMBER NONE OWNER
}}
enum IssueState {{ OPEN CLOSED }}
enum PullRequestState {{ OPEN CLOSED MERGED }}
enum PullRequestReviewState {{ APPROVED CHANGES_REQUESTED COMMENTED DISMISSED PENDING }}
enum ReactionContent {{ CONFUSED EYES HEART HOORAY LAUGH ROCKET THUMBS_DOWN THUMBS_UP }}

interface Node {{ id: ID! }}
interface Actor {{{_ACTOR}}}
interface Reactable {{ id: ID! databaseId: Int reactions{_PAGE}: ReactionConnection! }}

type User implements Actor & Node {{ id: ID! databaseId: Int name: String {_ACTOR}}}
type Bot implements Actor & Node {{ id: ID! databaseId: Int {_ACTOR}}}
type Organization implements Actor & Node {{ id: ID! databaseId: Int name: String {_ACTOR}}}

type Ref {{ name: String! }}

type Repository implements Node {{
  id: ID!
  databaseId: Int
  name: String!
  nameWithOwner: String!
  defaultBranchRef: Ref
  url: URI!
  isPrivate: Boolean!
  isFork: Boolean!
  owner: Actor!
  issue(number: Int!): Issue
  pullRequest(number: Int!): PullRequest
  issueOrPullRequest(number: Int!): IssueOrPullRequest
}}
union IssueOrPullRequest = Issue | PullRequest

type Label implements Node {{ id: ID! name: String! color: String! description: String }}

type Reaction implements Node {{
  id: ID!
  content: ReactionContent!
  createdAt: DateTime!
  user: Actor
}}

type Issue implements Node & Reactable {{{_WRITTEN}{_ISSUE}
  state: IssueState!
}}

type PullRequest implements Node & Reactable {{{_WRITTEN}{_ISSUE}
  state: PullRequestState!
  isDraft: Boolean!
  merged: Boolean!
  mergedAt: DateTime
  headRefName: String!
  headRefOid: GitObjectID!
  baseRefName: String!
  baseRefOid: GitObjectID!
  isCrossRepository: Boolean!
  headRepository: Repository
  headRepositoryOwner: Actor
  reviews{_PAGE}: PullRequestReviewConnection
  totalCommentsCount: Int
}}

type IssueComment implements Node & Reactable {{{_WRITTEN}
  isMinimized: Boolean!
}}

type PullRequestReview implements Node & Reactable {{{_WRITTEN}
  isMinimized: Boolean!
  state: PullRequestReviewState!
  submittedAt: DateTime
  comments{_PAGE}: PullRequestReviewCommentConnection!
}}

type PullRequestReviewComment implements Node & Reactable {{{_WRITTEN}
  isMinimized: Boolean!
  path: String!
  line: Int
  originalLine: Int
  diffHunk: String!
  replyTo: PullRequestReviewComment
}}

type PageInfo {{
  hasPreviousPage: Boolean!
  hasNextPage: Boolean!
  startCursor: String
  endCursor: String
}}
{_connections("IssueComment", "Label", "PullRequestReview", "PullRequestReviewComment", "Reaction", "User")}

input AddReactionInput {{ clientMutationId: String subjectId: ID! content: ReactionContent! }}
input RemoveReactionInput {{ clientMutationId: String subjectId: ID! content: ReactionContent! }}
type AddReactionPayload {{ clientMutationId: String reaction: Reaction subject: Reactable }}
type RemoveReactionPayload {{ clientMutationId: String reaction: Reaction subject: Reactable }}

type Query {{
  viewer: Actor!
  repository(owner: String!, name: String!, followRenames: Boolean = true): Repository
  node(id: ID!): Node
}}
type Mutation {{
  addReaction(input: AddReactionInput!): AddReactionPayload
  removeReaction(input: RemoveReactionInput!): RemoveReactionPayload
}}
"""


def schema() -> GraphQLSchema:
    return build_schema(_SCHEMA)
