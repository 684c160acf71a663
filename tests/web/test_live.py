"""The stream of an open page: it belongs to one sign-in, and ends with it."""

import asyncio
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from conversa_calendar.accounts import grants, services
from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.dashboard import live
from tests.support.cast import Cast

pytestmark = pytest.mark.usefixtures("served")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream is served, and looks after its listeners often."""
    monkeypatch.setattr(settings, "LIVE_URL", "http://testserver/live-stream")
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(live, "hub", live.Hub())


def ticket(browser: Client) -> str:
    answer = browser.get("/settings/live")
    assert answer.status_code == 200
    return str(answer.json()["url"]).partition("?")[2]


async def _listen(query: str, meanwhile: Any = None, beats: int = 3, origin: bytes = b"") -> tuple[int, int]:
    """The status, and how many heartbeats came before the stream ended (or the reader had heard enough)."""
    seen: dict[str, int] = {"status": 0, "beats": 0}
    left, over = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        seen["status"] = message.get("status", seen["status"])
        if message["type"] == "http.response.body" and b"still here" in message["body"]:
            seen["beats"] += 1
            if seen["beats"] == 1 and meanwhile is not None:
                await asyncio.to_thread(meanwhile)
            if seen["beats"] >= beats:
                left.set()

    scope = {"type": "http", "query_string": query.encode(), "headers": [(b"origin", origin)]}
    running = asyncio.create_task(live.application(scope, receive, send))
    running.add_done_callback(lambda _task: over.set())
    await asyncio.wait_for(over.wait(), 20)
    await running
    if live.hub.task is not None:
        live.hub.task.cancel()
    return seen["status"], seen["beats"]


def listen(query: str, meanwhile: Any = None, beats: int = 3) -> tuple[int, int]:
    return asyncio.run(_listen(query, meanwhile, beats))


def suspend(cast: Cast) -> None:
    with tenant(cast.account.pk):
        member = Member.objects.get(pk=cast.bob.member.pk)
        services.suspend_member(member=member, is_suspended=True, by=grants.OPERATOR)


def sign_out_by_administrator(cast: Cast) -> None:
    with tenant(cast.account.pk):
        services.end_member_sessions(member=Member.objects.get(pk=cast.bob.member.pk), by=grants.OPERATOR)


def switch_off(cast: Cast) -> None:
    with tenant(cast.account.pk):
        services.switch_module(account=Account.objects.get(pk=cast.account.pk), is_enabled=False)


def suspend_account(cast: Cast) -> None:
    services.suspend_account(account=Account.objects.get(pk=cast.account.pk), is_suspended=True)


ENDS = {
    "suspended": suspend,
    "signed out by an administrator": sign_out_by_administrator,
    "module off": switch_off,
    "account suspended": suspend_account,
}


def test_a_signed_in_page_hears_and_goes_on_hearing(cast: Cast) -> None:
    status, beats = listen(ticket(cast.bob.browser()))
    assert status == 200 and beats >= 3


@pytest.mark.parametrize("how", sorted(ENDS))
def test_an_open_stream_closes_within_a_heartbeat(cast: Cast, how: str) -> None:
    status, beats = listen(ticket(cast.bob.browser()), lambda: ENDS[how](cast), beats=50)
    assert status == 200 and beats < 5


@pytest.mark.parametrize("how", sorted(ENDS))
def test_a_ticket_of_before_opens_nothing(cast: Cast, how: str) -> None:
    query = ticket(cast.bob.browser())
    ENDS[how](cast)
    assert listen(query) == (403, 0)


def test_signing_out_ends_the_stream_and_the_ticket(cast: Cast) -> None:
    browser = cast.bob.browser()
    query = ticket(browser)
    status, beats = listen(query, lambda: browser.post("/logout"), beats=50)
    assert status == 200 and beats < 5 and listen(query) == (403, 0)
    assert browser.get("/settings/live").status_code == 302


def test_signing_out_everywhere_else_ends_other_streams(cast: Cast) -> None:
    one, two = cast.bob.browser(), cast.bob.browser()
    query = ticket(two)
    one.post("/settings/profile", {"end_others": "1"})
    assert listen(query) == (403, 0) and listen(ticket(one))[0] == 200


def test_tickets_end_after_minutes_and_are_nobodys_invention(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = cast.bob.browser()
    query = ticket(browser)
    assert browser.session.session_key not in query
    for wrong in ("", "ticket=", "ticket=x", f"{query}x", "ticket=%ff"):
        assert listen(wrong) == (403, 0), wrong
    monkeypatch.setattr(live, "TICKET_S", -1)
    assert listen(query) == (403, 0)


def test_a_member_has_so_many_streams_and_not_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    query, other = ticket(cast.bob.browser()), ticket(cast.alice.browser())
    monkeypatch.setattr(live, "STREAMS_MAX", 2)

    async def crowd() -> list[int]:
        found = await asyncio.gather(*(_listen(query, beats=4) for _page in range(3)), _listen(other, beats=4))
        return sorted(status for status, _beats in found)

    assert asyncio.run(crowd()) == [200, 200, 200, 429]
    assert live.hub.open == {}


def test_who_may_not_open_a_page_gets_no_stream_by_it(cast: Cast) -> None:
    assert 'data-live=""' in cast.bob.browser().get("/connections").content.decode()


@pytest.mark.parametrize("origin", [b"http://[", b"\xff\xfe", b"null"])
def test_an_origin_that_is_none_breaks_no_stream(cast: Cast, origin: bytes) -> None:
    status, beats = asyncio.run(_listen(ticket(cast.bob.browser()), beats=1, origin=origin))
    assert status == 200 and beats >= 1
