"""Sessions: cookies that nobody can make, and that can be taken back at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from cryptography.fernet import Fernet
from multidict import CIMultiDict
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Base, Database
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.workspaces import Workspace
from tests.web.sign_in.scene import WORKSPACE, Place, placed
from web.origins import same_origin
from web.people import Person, Session
from web.sealed import Seal
from web.sessions import COOKIE, IDLE_SECONDS, LONGEST_SECONDS, Sessions
from web.tables import KeyRow, SessionRow, WatchRow
from web.watches import SECONDS as WATCH_SECONDS
from web.watches import Watches

ADA = Person("github:7", "ada", "ada")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with placed(tmp_path) as made:
        yield made


def asking(cookie: str = "") -> web.Request:
    """A request for a workspace with this cookie."""
    headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
    return make_mocked_request("GET", f"/code/{WORKSPACE}", headers, match_info={"workspace": WORKSPACE})


async def began(sessions: Sessions, person: Person = ADA, cookie: str = "") -> tuple[str, Session]:
    """A new session and what its cookie holds."""
    response = web.Response()
    session = await sessions.begin(asking(cookie), response, person)
    return response.cookies[COOKIE].value, session


async def test_session_is_who_signed_in(place: Place) -> None:
    cookie, session = await began(place.sessions)
    assert await place.sessions.session(asking(cookie)) == session
    assert await place.sessions.by_hash(session.hash) == session
    assert session.person == ADA
    assert await place.sessions.session(asking()) is None


async def test_cookie_is_taken_from_no_neighbouring_host(place: Place) -> None:
    place.address = "https://heddle.example.org"
    response = web.Response()
    session = await place.sessions.begin(asking(), response, ADA)
    cookie = response.cookies[f"__Host-{COOKIE}"]
    assert (cookie["path"], cookie["secure"], cookie["domain"]) == ("/", True, "")
    assert (
        await place.sessions.session(asking(cookie.value)) is None
    )  # under the name that a neighbour can set
    headers = {"Cookie": f"__Host-{COOKIE}={cookie.value}"}
    request = make_mocked_request("GET", "/", headers)
    assert await place.sessions.session(request) == session
    left = web.Response()
    await place.sessions.sign_out(request, left)
    assert (
        left.cookies[f"__Host-{COOKIE}"]["max-age"] == 0 or left.cookies[f"__Host-{COOKIE}"]["max-age"] == "0"
    )


async def test_only_a_hash_is_stored(place: Place) -> None:
    cookie, session = await began(place.sessions)
    opened = await Seal(place.database, "sessions").open(cookie, seconds=60)
    assert opened is not None
    (identity,) = opened["ids"]
    assert len(identity) == 43  # 256 bits
    content = (place.path / "heddle.db").read_bytes() + (place.path / "heddle.db-wal").read_bytes()
    assert session.hash.encode() in content
    assert identity.encode() not in content
    assert cookie.encode() not in content


@pytest.mark.parametrize("cookie", ["forged", "gAAAAABo" + "A" * 100, "é", "x" * 5_000, "{}"])
async def test_forged_cookie_is_none(place: Place, cookie: str) -> None:
    await began(place.sessions)
    assert await place.sessions.session(asking(cookie)) is None


async def test_cookie_signed_with_another_key_is_none(place: Place) -> None:
    """Somebody who has read the hashes, or runs a Heddle of their own, can't make a cookie."""
    cookie, session = await began(place.sessions)
    foreign = Fernet(Fernet.generate_key()).encrypt(f'{{"ids": ["{session.hash}"]}}'.encode()).decode()
    assert await place.sessions.session(asking(foreign)) is None
    of_sign_in = await Seal(place.database, "sign-in").close({"ids": [session.hash]})
    assert await place.sessions.session(asking(of_sign_in)) is None
    of_hash = await Seal(place.database, "sessions").close({"ids": [session.hash]})
    assert await place.sessions.session(asking(of_hash)) is None
    changed = cookie[:-10] + ("A" if cookie[-10] != "A" else "B") + cookie[-9:]
    assert await place.sessions.session(asking(changed)) is None


async def test_restart_keeps_everybody_signed_in(place: Place) -> None:
    cookie, session = await began(place.sessions)
    await place.restart()
    assert await place.sessions.session(asking(cookie)) == session


async def test_session_ends_when_nobody_comes_for_a_week(place: Place) -> None:
    cookie, session = await began(place.sessions)
    place.clock.now += IDLE_SECONDS - 1
    assert await place.sessions.session(asking(cookie)) == session
    place.clock.now += IDLE_SECONDS - 1  # being used has put the end off
    assert await place.sessions.session(asking(cookie)) == session
    place.clock.now += IDLE_SECONDS
    assert await place.sessions.session(asking(cookie)) is None
    assert await place.sessions.by_hash(session.hash) is None


async def test_session_ends_after_thirty_days_however_used(place: Place) -> None:
    cookie, session = await began(place.sessions)
    begin = place.clock.now
    while place.clock.now - begin < LONGEST_SECONDS - 86_400:
        place.clock.now += 86_400
        assert await place.sessions.session(asking(cookie)) == session
    place.clock.now = begin + LONGEST_SECONDS
    assert await place.sessions.session(asking(cookie)) is None


async def test_looking_by_hash_does_not_put_the_end_off(place: Place) -> None:
    cookie, session = await began(place.sessions)
    place.clock.now += IDLE_SECONDS - 1
    assert await place.sessions.by_hash(session.hash) == session
    place.clock.now += 1
    assert await place.sessions.session(asking(cookie)) is None


async def test_ended_session_is_over_at_once_and_in_every_process(place: Place) -> None:
    cookie, session = await began(place.sessions)
    database = Database(f"sqlite:///{place.path / 'heddle.db'}")
    other = Sessions(database, pages=place.pages, revoked=lambda _: None, clock=place.clock)
    assert await other.session(asking(cookie)) == session
    await place.sessions.end(session.hash)
    assert place.revoked == [session.hash]
    assert await place.sessions.session(asking(cookie)) is None
    assert await other.session(asking(cookie)) is None
    await database.close()


async def test_using_a_session_never_brings_it_back(place: Place) -> None:
    cookie, session = await began(place.sessions)
    place.clock.now += 86_400
    await asyncio.gather(
        *(place.sessions.session(asking(cookie)) for _ in range(10)),
        place.sessions.end(session.hash),
        *(place.sessions.session(asking(cookie)) for _ in range(10)),
    )
    assert await place.sessions.session(asking(cookie)) is None


async def test_signing_in_again_makes_a_new_session_and_ends_the_old_one(place: Place) -> None:
    """Whoever planted a cookie in a browser must not be in the session that its owner begins."""
    planted, old = await began(place.sessions, Person("github:666", "mallory"))
    cookie, new = await began(place.sessions, ADA, planted)
    assert new.hash != old.hash
    assert place.revoked == [old.hash]
    assert await place.sessions.session(asking(planted)) is None
    assert await place.sessions.session(asking(cookie)) == new


async def test_expired_rows_go_when_new_ones_come(place: Place) -> None:
    await began(place.sessions)
    place.clock.now += IDLE_SECONDS
    _, session = await began(place.sessions)
    async with place.database.read() as reading:
        assert list(await reading.scalars(sa.select(SessionRow.hash))) == [session.hash]


async def test_key_is_made_once_whoever_asks_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    databases = [Database(url) for _ in range(6)]
    async with databases[0].engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    seals = [Seal(database, "sessions") for database in databases for _ in range(4)]
    sealed = await asyncio.gather(*(seal.close({"number": n}) for n, seal in enumerate(seals)))
    for number, text in enumerate(sealed):
        assert await seals[-1 - number].open(text, seconds=60) == {"number": number}
    async with databases[0].read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(KeyRow)) == 1
    for database in databases:
        await database.close()


async def test_key_of_a_faster_process_is_taken(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL lets two look and find nothing; the slower one's key is refused when it is written."""
    first = Seal(place.database, "race")
    text = await first.close({"of": "the first"})
    slower, get = Seal(place.database, "race"), AsyncSession.get

    async def nothing(session: object, row: type, name: object) -> object:
        return None if row is KeyRow else await get(session, row, name)  # type: ignore[arg-type]

    monkeypatch.setattr(AsyncSession, "get", nothing)
    assert await slower.open(text, seconds=60) == {"of": "the first"}


@pytest.mark.parametrize(
    ("origins", "public", "same"),
    [
        (["https://example.org"], "https://example.org/heddle", True),
        (["https://example.org"], "https://example.org:443/", True),
        (["http://127.0.0.1:8080"], "http://127.0.0.1:8080", True),
        (["https://xn--bcher-kva.example"], "https://bücher.example/", True),
        (["https://example.org"], "https://Example.ORG", True),
        ([], "https://example.org", False),
        ([""], "https://example.org", False),
        (["null"], "https://example.org", False),
        (["https://example.org/"], "https://example.org", False),
        (["http://example.org"], "https://example.org", False),
        (["https://example.org:8443"], "https://example.org", False),
        (["https://example.org.evil.example"], "https://example.org", False),
        (["https://evil.example"], "https://example.org", False),
        (["https://example.org", "https://evil.example"], "https://example.org", False),
        (["https://example.org https://evil.example"], "https://example.org", False),
    ],
)
def test_origin_is_compared_exactly(origins: list[str], public: str, same: bool) -> None:
    headers = CIMultiDict([("Origin", origin) for origin in origins])
    assert same_origin(make_mocked_request("POST", "/", headers), public) is same


def opening(name: str = "o1") -> Opening:
    workspace = Workspace(WORKSPACE, "c", "acme/tally", "main", "heddle/x", None)
    return Opening(name, workspace, "c", "m", "Ada", "", "", (), OpeningState.OPEN, None, 0.0, None)


async def test_watch_link_shows_its_opening_until_it_is_taken_back(place: Place) -> None:
    cut: list[str] = []
    watches = Watches(place.database, revoked=cut.append, clock=place.clock)
    token, other = await watches.create(opening(), ADA), await watches.create(opening("o2"), ADA)
    assert len(token) == 43
    assert await watches.opening(watches.hash(token)) == "o1"
    assert await watches.opening(watches.hash(other)) == "o2"
    for guess in ("", "guess", token[:-1], "\x00", "é\ud800"):
        assert await watches.opening(watches.hash(guess)) is None
    assert await watches.opening(token) is None
    await watches.revoke("another workspace")
    assert cut == []
    await watches.revoke(WORKSPACE)
    assert set(cut) == {watches.hash(token), watches.hash(other)}
    assert await watches.opening(watches.hash(token)) is None


async def test_watch_link_expires_and_goes(place: Place) -> None:
    watches = Watches(place.database, revoked=lambda _: None, clock=place.clock)
    token = await watches.create(opening(), ADA)
    place.clock.now += WATCH_SECONDS
    assert await watches.opening(watches.hash(token)) is None
    await watches.create(opening("o2"), ADA)
    async with place.database.read() as session:
        assert list(await session.scalars(sa.select(WatchRow.opening_id))) == ["o2"]
