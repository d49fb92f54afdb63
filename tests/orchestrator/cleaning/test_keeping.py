"""What stays is told with its reason."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from orchestrator.cleaning import keeping
from orchestrator.cleaning.holdings import EngineSeen, Holdings, Ref
from orchestrator.cleaning.keeping import kept
from orchestrator.cleaning.plan import plan
from orchestrator.cleaning.removals import Kind, Retention
from orchestrator.recovery.states import WorkspaceState
from tests.orchestrator.cleaning.things import (
    IDS,
    NOW,
    SHA,
    holdings,
    many,
    mirror,
    retentions,
    volume,
    workspace,
)


def reasons(held: Holdings) -> dict[str, str]:
    return {one.name: one.reason for one in kept(held, plan(held, NOW, Retention()))}


def test_volumes_and_why_they_stay() -> None:
    seen = EngineSeen(tuple(volume(number) for number in range(4)) + (volume(4, "", labelled=False),))
    rows = (
        workspace(id=IDS[0], live=True),
        workspace(id=IDS[1], state=WorkspaceState.STOPPED),
        workspace(id=IDS[2]),
    )
    found = reasons(Holdings(engine=seen, workspaces=rows))
    assert found == {
        f"heddle-{IDS[0]}": keeping.AT_WORK,
        f"heddle-{IDS[1]}": keeping.KEPT_OPEN.format(state="stopped"),
        f"heddle-{IDS[2]}": keeping.STILL_THERE,
        f"heddle-{IDS[3]}": keeping.NO_ROW,
        f"heddle-{IDS[4]}": keeping.NO_LABELS,
    }


def test_mirrors_and_why_they_stay() -> None:
    held = Holdings(mirrors=(mirror("acme/tally", 5, 1),), engine=EngineSeen())
    assert reasons(held) == {}
    assert reasons(replace(held, engine=None)) == {"acme/tally": keeping.ENGINE_AWAY}
    assert reasons(replace(held, workspaces=(workspace(live=True),))) == {"acme/tally": keeping.MAY_BORROW}
    unknown = replace(held, engine=EngineSeen((volume(repository="", labelled=False),)))
    assert reasons(unknown)["acme/tally"] == keeping.ANY_MAY_BORROW


def test_refs_and_why_they_stay() -> None:
    refs = (
        Ref(f"refs/heddle/rescue/{IDS[0]}", SHA),
        Ref(f"refs/heddle/rescue/{IDS[1]}", SHA),
        Ref(f"refs/heads/heddle/fix-{IDS[0][:6]}", SHA),
        Ref("refs/heads/heddle/other-123456", SHA),
    )
    held = Holdings(
        workspaces=(workspace(state=WorkspaceState.STOPPED),), engine=EngineSeen(), refs={"acme/tally": refs}
    )
    assert list(reasons(held).values()) == [
        keeping.WAITS.format(state="stopped"),
        keeping.OTHERS,
        keeping.UNMERGED,
        keeping.NOT_MADE_HERE,
    ]


@many
@given(holdings(), retentions)
def test_every_volume_is_told_of_and_nothing_both_stays_and_goes(
    held: Holdings, retention: Retention
) -> None:
    removals = plan(held, NOW, retention)
    found = kept(held, removals)
    volumes = held.engine.volumes if held.engine is not None else ()
    assert sorted(one.name for one in found if one.what == "volume") == sorted(one.name for one in volumes)
    kinds = {Kind.MIRROR: "mirror", Kind.REF: "ref", Kind.BRANCH: "branch"}
    going = {(kinds[one.kind], one.name) for one in removals if one.kind in kinds}
    assert not going & {(one.what, one.name) for one in found}
