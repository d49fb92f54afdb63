"""Two minutes of everything breaking: nothing is lost, nothing is left over, and every last word is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.chaos.chaos import chaos, plan
from playground.chaos.schedule import Kind

SECONDS = 120.0
WORKSPACES = 6
SEED = 20

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
]  # beside its two minutes: ends of runs, two sweeps, an image


async def test_nothing_is_lost_in_two_minutes_of_chaos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = list[str]()
    try:
        result = await chaos(tmp_path, plan(SECONDS, WORKSPACES, SEED), said.append)
    except BaseException:
        with capsys.disabled():
            _show([f"seed {SEED}", *said])
        raise
    with capsys.disabled():
        _show(["", f"seed {SEED}", *said, *result.lines_of_text()])
    assert {broken.kind for broken in result.faults} == set(Kind)
    assert result.lines > 0
    assert result.commits > 0
    assert not result.losses
    assert not result.orphans
    assert not result.untrue
    assert not result.complaints


def _show(lines: list[str]) -> None:
    print("\n".join(lines))  # noqa: T201 - figures are what this test is for
