"""`/metrics`: how a deployment is, in Prometheus' text format, for whoever may know."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Protocol, TypeVar

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from orchestrator.recovery.counts import BUCKETS, Counts
from orchestrator.recovery.states import WorkspaceState
from web.server import Route

PATH = "/metrics"
SOURCE_SECONDS = 5.0  # that one source may take; a monitoring system waits for ten
FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")

WRONG_TOKEN = "Metrics need HEDDLE_METRICS_TOKEN: send it as `Authorization: Bearer …`.\n"
NOT_FROM_HERE = (
    "Metrics are only for this machine, without a proxy in between. Set HEDDLE_METRICS_TOKEN to read them from "
    "elsewhere.\n"
)

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the database counts. runs, openings and workspaces by state, deliveries by platform.

    waiting: messages that are stored and not handled. checkpoints: workspaces with a checkpoint that the branch lacks.
    checkpoint_at: when the oldest running workspace was last known to be saved, in seconds since the epoch; 0 for none.
    """

    workspaces: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    openings: Mapping[str, int] = field(default_factory=dict)
    deliveries: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    checkpoints: int = 0
    checkpoint_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Removed:
    """What clean-up has removed of one kind since Heddle's start. size: bytes."""

    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Space:
    """A disk, in bytes."""

    name: str
    free: int
    total: int


class Sources(Protocol):
    """Where the figures come from, asked at each scrape."""

    counts: Counts

    async def numbers(self) -> Numbers: ...

    async def spaces(self) -> Sequence[Space]: ...

    async def reclaimable(self) -> Mapping[str, int]:
        """Bytes that clean-up could free, by kind."""
        ...

    def removed(self) -> Mapping[str, Removed]:
        """By kind."""
        ...

    def removal_failures(self) -> int: ...

    def watched(self) -> int:
        """How many terminals people have open."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures of one moment; None for a source that could not be asked."""

    numbers: Numbers | None
    spaces: Sequence[Space] | None
    reclaimable: Mapping[str, int] | None
    removed: Mapping[str, Removed]
    removal_failures: int
    watched: int
    counts: Counts


class Metrics:
    """The page. token: what readers send; empty: only this machine may read."""

    def __init__(self, sources: Sources, token: str) -> None:
        self._sources = sources
        self._token = token

    def routes(self) -> list[Route]:
        return [Route("GET", PATH, self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """An aiohttp handler. 401 without the right token; where there is none, 403 for other machines."""
        if self._token:
            if not is_bearer(request.headers.get("Authorization", ""), self._token):
                return web.Response(status=401, text=WRONG_TOKEN, headers={"WWW-Authenticate": "Bearer"})
        elif not is_local(request.remote, request.headers):
            return web.Response(status=403, text=NOT_FROM_HERE)
        snapshot = await self._look()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Shown(snapshot))
        ProcessCollector(registry=registry)
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encode, registry)
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def _look(self) -> Snapshot:
        sources = self._sources
        numbers, spaces, reclaimable = await asyncio.gather(
            _asked("database", sources.numbers),
            _asked("disk", sources.spaces),
            _asked("clean-up", sources.reclaimable),
        )
        return Snapshot(
            numbers=numbers,
            spaces=spaces,
            reclaimable=reclaimable,
            removed=sources.removed(),
            removal_failures=sources.removal_failures(),
            watched=sources.watched(),
            counts=sources.counts,
        )


def is_bearer(header: str, token: str) -> bool:
    """Whether an Authorization header carries the token."""
    scheme, _, given = header.partition(" ")
    right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
    return right and scheme.lower() == "bearer"


def is_local(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from this machine itself: a proxy here asks on behalf of others."""
    if peer is None or any(name in headers for name in FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


async def _asked(name: str, ask: Callable[[], Awaitable[T]]) -> T | None:
    """What a source says; None when it doesn't, so that the others can be shown all the same."""
    try:
        async with asyncio.timeout(SOURCE_SECONDS):
            return await ask()
    except Exception as error:
        log.warning("no figures", source=name, error=repr(error))
        return None


class _Shown(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        return families(self._snapshot)


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """The figures as Prometheus knows them. Pure."""
    yield InfoMetricFamily("heddle_build", "The Heddle that runs.", value={"version": version("heddle")})
    known = {
        "database": snapshot.numbers,
        "disk": snapshot.spaces,
        "cleanup": snapshot.reclaimable,
    }
    yield _gauges(
        "heddle_source_up",
        "Whether a source of figures answered (1) or not (0); what it tells is missing then.",
        "source",
        {name: int(value is not None) for name, value in known.items()},
    )
    if snapshot.numbers is not None:
        yield from _numbers(snapshot.numbers)
    yield GaugeMetricFamily(
        "heddle_terminals", "Terminals that people have open in browsers.", value=snapshot.watched
    )
    yield from _recovery(snapshot.counts)
    yield from _cleanup(snapshot)


def _numbers(numbers: Numbers) -> Iterator[Metric]:
    states = {state.value: 0 for state in WorkspaceState} | dict(numbers.workspaces)
    yield _gauges("heddle_workspaces", "Workspaces by state.", "state", states)
    yield _gauges(
        "heddle_runs",
        "Runs in the database by state; the last four states are outcomes.",
        "state",
        numbers.runs,
    )
    yield _gauges("heddle_openings", "Openings in the database by state.", "state", numbers.openings)
    yield _gauges(
        "heddle_deliveries", "Deliveries in the database by platform.", "platform", numbers.deliveries
    )
    yield GaugeMetricFamily(
        "heddle_messages_waiting", "Messages that are stored and not handled yet.", value=numbers.waiting
    )
    yield GaugeMetricFamily(
        "heddle_checkpoints",
        "Workspaces whose latest checkpoint holds work that the remote's branch lacks.",
        value=numbers.checkpoints,
    )
    yield GaugeMetricFamily(
        "heddle_oldest_checkpoint_timestamp_seconds",
        "When that running workspace was last saved whose turn was longest ago; 0 when none runs.",
        value=numbers.checkpoint_at,
    )


def _recovery(counts: Counts) -> Iterator[Metric]:
    yield SummaryMetricFamily(
        "heddle_sweep_seconds",
        "Sweeps, and the seconds that they took to come to decisions.",
        count_value=counts.sweeps,
        sum_value=counts.sweep_sum,
    )
    yield CounterMetricFamily(
        "heddle_sweep_failures", "Sweeps that could not look.", value=counts.sweep_failures
    )
    yield GaugeMetricFamily(
        "heddle_last_sweep_timestamp_seconds",
        "When the last sweep had decided; 0 before the first.",
        value=counts.swept_at,
    )
    yield CounterMetricFamily(
        "heddle_docker_events", "Events of the Docker Engine that were read.", value=counts.events
    )
    yield CounterMetricFamily(
        "heddle_docker_event_reconnections",
        "How often Docker's events had to be asked for anew.",
        value=counts.reconnections,
    )
    yield _counters("heddle_actions", "What sweeps and events led to, by kind.", "kind", counts.actions)
    yield _counters(
        "heddle_action_failures",
        "Actions that failed, by kind; the next sweep sees.",
        "kind",
        counts.failures,
    )
    buckets = [
        ("+Inf" if bound == float("inf") else str(bound), float(counts.recovery_buckets[bound]))
        for bound in BUCKETS
    ]
    yield HistogramMetricFamily(
        "heddle_recovery_seconds",
        "From the moment a workspace was found down until it answered again.",
        buckets=buckets,
        sum_value=counts.recovery_sum,
    )


def _cleanup(snapshot: Snapshot) -> Iterator[Metric]:
    removed = snapshot.removed
    yield _counters(
        "heddle_removals",
        "What clean-up has removed, by kind.",
        "kind",
        _each(removed, lambda one: one.count),
    )
    yield _counters(
        "heddle_removed_bytes",
        "The bytes of what clean-up has removed, by kind.",
        "kind",
        _each(removed, lambda one: one.size),
    )
    yield CounterMetricFamily(
        "heddle_removal_failures", "What clean-up could not remove.", value=snapshot.removal_failures
    )
    if snapshot.reclaimable is not None:
        yield _gauges(
            "heddle_reclaimable_bytes",
            "What clean-up could free when disk runs out, by kind.",
            "kind",
            snapshot.reclaimable,
        )
    if snapshot.spaces is not None:
        yield _gauges(
            "heddle_disk_free_bytes",
            "Free disk.",
            "disk",
            {space.name: space.free for space in snapshot.spaces},
        )
        yield _gauges(
            "heddle_disk_size_bytes",
            "All disk.",
            "disk",
            {space.name: space.total for space in snapshot.spaces},
        )


def _each(removed: Mapping[str, Removed], of: Callable[[Removed], int]) -> dict[str, int]:
    return {kind: of(one) for kind, one in removed.items()}


def _gauges(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, told, labels=[label])
    for of, value in sorted(values.items()):
        family.add_metric([of], value)
    return family


def _counters(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, told, labels=[label])
    for of, value in sorted(values.items()):
        family.add_metric([of], value)
    return family
