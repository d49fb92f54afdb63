from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.slack.context import BEFORE, LEFT_OUT, LIMIT, Line, render_context


def test_a_task_without_a_thread_tells_who_asks_and_where() -> None:
    assert render_context("Ada", "looms", []) == (
        "You work on a task that Ada gave in Slack, channel #looms.\n"
    )
    assert "channel" not in render_context("Ada", "", [])


def test_what_was_said_before_is_quoted_in_order() -> None:
    shown = render_context("Ada", "looms", [Line("Bob", "It fails\n\non Mondays."), Line("Ada", "I see.")])
    assert shown.endswith(f"{BEFORE}\n\n> Bob: It fails\n> \n> on Mondays.\n>\n> Ada: I see.\n")


def test_the_newest_posts_are_kept() -> None:
    shown = render_context("Ada", "", [Line("Bob", f"post {number} " + "x" * 500) for number in range(40)])
    assert "post 39 " in shown
    assert "post 0 " not in shown
    assert shown.count(LEFT_OUT) == 1
    assert shown.index(LEFT_OUT) < shown.index("post 39 ")


def test_one_huge_post_is_shortened_not_dropped() -> None:
    shown = render_context("Ada", "", [Line("Bob", "first"), Line("Bob", "the error is " + "x" * 50_000)])
    assert "> Bob: the error is " in shown
    assert "> Bob: first" in shown


odd = st.text() | st.lists(
    st.sampled_from(["\n", "\r", "\u2028", "> ", "# ", "x" * 99, "\x1b[1m", "```"])
).map("".join)


@given(odd, odd, st.lists(st.builds(Line, odd, odd), max_size=8))
def test_posts_stay_within_their_quotation_and_the_whole_is_short(
    author: str, channel: str, lines: list[Line]
) -> None:
    shown = render_context(author, channel, lines)
    head, *quoted = shown.removesuffix("\n").split("\n\n") if not lines else [
        *shown.removesuffix("\n").partition(f"\n\n{BEFORE}\n\n")[::2]
    ]  # fmt: skip
    assert "\n" not in head
    assert len(shown) < LIMIT + 700
    assert all(line.startswith(">") for line in "".join(quoted).splitlines())
