"""Who may read the metrics, what they say, and that a source which is away takes nothing else with it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from orchestrator.recovery.counts import Counts
from web.metrics import Metrics, Numbers, Removed, Snapshot, Space, families, is_bearer, is_local
from web.server import WebServer

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
TOKEN = "a long random text"


class Known:
    """Sources that answer, unless they are `away`."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.away = False

    async def numbers(self) -> Numbers:
        if self.away:
            raise ConnectionError
        return Numbers(
            workspaces={"running": 2, "failed": 1},
            runs={"working": 1, "succeeded": 4},
            openings={"open": 3},
            deliveries={"slack": 7, "github": 5},
            waiting=1,
            checkpoints=2,
            checkpoint_at=1000.5,
        )

    async def spaces(self) -> Sequence[Space]:
        return [Space("data", 5, 10)]

    async def reclaimable(self) -> Mapping[str, int]:
        return {"mirror": 4096}

    def removed(self) -> Mapping[str, Removed]:
        return {"log": Removed(3, 300)}

    def removal_failures(self) -> int:
        return 1

    def watched(self) -> int:
        return 6


@asynccontextmanager
async def served(known: Known, token: str = "") -> AsyncIterator[str]:
    async def well() -> None:
        pass

    server = WebServer(host="127.0.0.1", port=0, health=well)
    address = await server.start(Metrics(known, token).routes())
    yield f"{address}/metrics"
    await server.close()


async def asked(url: str, **headers: str) -> tuple[int, str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.get(url, headers=named) as answer:
        return answer.status, await answer.text(), answer.headers["Content-Type"]


def values(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in read_text(text)
        for sample in family.samples
    }


async def test_everything_is_told() -> None:
    known = Known()
    known.counts.swept(0.25, 1_700_000_000.0)
    known.counts.actions["Recover"] += 2
    known.counts.failures["Pause"] += 1
    for seconds in (0.4, 20.0):
        known.counts.recovered(seconds)
    async with served(known) as url:
        status, text, kind = await asked(url)
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    found = values(text)
    assert found["heddle_workspaces", ("running",)] == 2
    assert found["heddle_workspaces", ("paused",)] == 0
    assert found["heddle_runs", ("succeeded",)] == 4
    assert found["heddle_openings", ("open",)] == 3
    assert found["heddle_deliveries", ("github",)] == 5
    assert found["heddle_messages_waiting", ()] == 1
    assert found["heddle_terminals", ()] == 6
    assert found["heddle_sweep_seconds_count", ()] == 1
    assert found["heddle_sweep_seconds_sum", ()] == 0.25
    assert found["heddle_actions_total", ("Recover",)] == 2
    assert found["heddle_action_failures_total", ("Pause",)] == 1
    assert found["heddle_recovery_seconds_bucket", ("0.5",)] == 1
    assert found["heddle_recovery_seconds_bucket", ("+Inf",)] == 2
    assert found["heddle_recovery_seconds_count", ()] == 2
    assert found["heddle_recovery_seconds_sum", ()] == pytest.approx(20.4)
    assert found["heddle_removals_total", ("log",)] == 3
    assert found["heddle_removed_bytes_total", ("log",)] == 300
    assert found["heddle_reclaimable_bytes", ("mirror",)] == 4096
    assert found["heddle_disk_free_bytes", ("data",)] == 5
    assert found["heddle_source_up", ("database",)] == 1
    assert any(name == "heddle_build_info" for name, _ in found)
    assert found["process_cpu_seconds_total", ()] > 0


async def test_openmetrics_is_told_to_whoever_asks_for_it() -> None:
    async with served(Known()) as url:
        status, text, kind = await asked(url, Accept="application/openmetrics-text; version=1.0.0")
    assert (status, kind.partition(";")[0]) == (200, "application/openmetrics-text")
    names = {family.name for family in read_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert "heddle_workspaces" in names


async def test_source_that_is_away_takes_nothing_else_with_it() -> None:
    known = Known()
    known.away = True
    async with served(known) as url:
        status, text, _ = await asked(url)
    found = values(text)
    assert status == 200
    assert found["heddle_source_up", ("database",)] == 0
    assert found["heddle_disk_free_bytes", ("data",)] == 5
    assert not any(name == "heddle_workspaces" for name, _ in found)


async def test_token_is_needed_where_there_is_one() -> None:
    async with served(Known(), TOKEN) as url:
        assert (await asked(url))[0] == 401
        assert (await asked(url, Authorization=f"Bearer {TOKEN}x"))[0] == 401
        assert (await asked(url, Authorization=f"Basic {TOKEN}"))[0] == 401
        status, text, _ = await asked(url, Authorization=f"Bearer {TOKEN}", X_Forwarded_For="10.0.0.1")
        assert status == 200
    assert TOKEN not in text


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "Via"])
async def test_proxy_gets_nothing_without_a_token(header: str) -> None:
    async with served(Known()) as url:
        status, text, _ = await asked(url, **{header: "for=10.0.0.1"})
    assert status == 403
    assert "HEDDLE_METRICS_TOKEN" in text


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("172.17.0.2", False),
        ("fe80::1%eth0", False),
        ("", False),
        (None, False),
        ("localhost", False),
    ],
)
def test_only_loopback_is_this_machine(peer: str | None, local: bool) -> None:
    assert is_local(peer, {}) is local


@pytest.mark.parametrize(
    ("header", "right"),
    [
        ("Bearer t", True),
        ("bearer t", True),
        ("t", False),
        ("Bearer", False),
        ("", False),
        ("Bearer \udcff", False),
        ("Basic t", False),
    ],
)
def test_only_the_token_opens(header: str, right: bool) -> None:
    assert is_bearer(header, "t") is right


def test_reference_tells_each_metric_with_its_kind_and_labels() -> None:
    known = Known()
    known.counts.actions["Recover"] = known.counts.failures["Recover"] = 1
    snapshot = Snapshot(
        numbers=Numbers({"running": 1}, {"working": 1}, {"open": 1}, {"slack": 1}),
        spaces=[Space("data", 5, 10)],
        reclaimable={"mirror": 1},
        removed=known.removed(),
        removal_failures=0,
        watched=0,
        counts=known.counts,
    )
    there = set()
    for family in families(snapshot):
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        there.add((family.name + suffix, family.type, ", ".join(f"`{name}`" for name in sorted(labels))))
    rows = re.findall(r"^\| `(heddle_\w+)` \| (\w+) \| ([^|]*?) \|", PAGE.read_text(), re.MULTILINE)
    assert set(rows) == there
    assert len(rows) == len(there)
