"""Taking everything out of an account: what is in the file, what is not, who can have it, and for how long."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar as File

from conversa_calendar.accounts import permissions, tokens
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.formats import archiving
from conversa_calendar.formats.models import Export, ExportPart
from conversa_calendar.kit import clock
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import PASSWORD, Actor, Cast, new_actor

ZONE = "America/Sao_Paulo"


def packed(actor: Actor) -> dict[str, Any]:
    asked: dict[str, Any] = actor.post("exports")
    with tenant(actor.account_id):
        found = Export.objects.get(uuid=asked["id"])
    archiving.pack(actor.account_id, found.pk)
    done: dict[str, Any] = actor.get(f"exports/{asked['id']}")
    return done


def opened(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def downloaded(actor: Actor, uuid: str) -> dict[str, bytes]:
    answer = actor.call("GET", f"exports/{uuid}/file")
    assert answer.status_code == 200, answer.content
    return opened(b"".join(answer.streaming_content))


@pytest.fixture
def company(cast: Cast) -> Cast:
    """An account with events of both, a private one of Bob's, a booking, a feed and a team."""
    shared = cast.alice.post("calendars", {"name": "Support Rio", "time_zone": ZONE})["id"]
    items = [{"kind": "agent", "id": str(cast.bob.member.uuid), "level": "edit"}]
    cast.alice.put(f"calendars/{shared}/assignments", {"items": items})
    start = {"start": {"date_time": "2026-12-01T09:00:00", "time_zone": ZONE}, "calendar": shared}
    reference = [{"kind": "ticket", "id": "7", "title": "Ticket seven", "url": ""}]
    event = cast.alice.post("events", start | {"summary": "Open", "references": reference})["id"]
    cast.alice.patch(f"events/{event}", {"summary": "Open anew"})
    secret = cast.bob.post("events", start | {"summary": "CANARY", "location": "CANARY", "visibility": "private"})["id"]
    cast.bob.patch(f"events/{secret}", {"summary": "CANARY two"})
    cast.alice.post("feeds", {"kind": "calendar", "target": shared})
    cast.alice.post("teams", {"name": "Night", "members": [str(cast.bob.member.uuid)]})
    cast.alice.post("bookings", {"page": make_page(cast.alice)["id"], "start": text(soon())} | VISITOR)
    cast.charlie.post("calendars", {"name": "FOREIGN", "time_zone": ZONE})
    return cast


def test_an_export_holds_everything_that_its_reader_sees(company: Cast) -> None:
    files = downloaded(company.alice, packed(company.alice)["id"])
    rows = {name: json.loads(raw) for name, raw in files.items() if name.endswith(".json")}
    shared = next(row for row in rows["calendars.json"] if row["name"] == "Support Rio")
    stem = shared["file"].removesuffix(".ics")
    events = {event["summary"]: event for event in rows[f"{stem}.events.json"]}
    assert set(events) == {"Open anew", "Busy"} and events["Open anew"]["references"][0]["title"] == "Ticket seven"
    assert {str(e["summary"]) for e in File.from_ical(files[shared["file"]]).walk("VEVENT")} == {"Open anew", "Busy"}
    assert [entry["cause"] for entry in rows[f"{stem}.history.json"]] == ["created", "edited"]
    assert {row["email"] for row in rows["members.json"]} == {"alice@acme.example", "bob@acme.example"}
    assert rows["teams.json"][0]["members"] == [str(company.bob.member.uuid)]
    assert [row["email"] for row in rows["bookings.json"]] == [VISITOR["email"]] and len(
        rows["booking-pages.json"]
    ) == 1
    assert rows["account.json"][0]["name"] == "Acme Support"


def test_an_export_holds_nothing_private_no_credential_and_nobody_elses(company: Cast) -> None:
    whole = b"".join(downloaded(company.alice, packed(company.alice)["id"]).values())
    for word in (b"CANARY", b"FOREIGN", b"cct_", b"md5$", b"fingerprint", b"password_hash", b"/feeds/"):
        assert word not in whole, word


def test_only_who_asked_has_the_file_and_only_while_they_manage_the_account(company: Cast) -> None:
    done = packed(company.alice)
    other = new_actor(company.account, "dora@acme.example", "Dora", permissions.ADMINISTRATOR)
    assert other.call("GET", f"exports/{done['id']}/file").status_code == 404
    for actor, status in ((company.bob, 403), (company.charlie, 404)):
        assert actor.call("GET", f"exports/{done['id']}/file").status_code == status
    assert company.bob.call("POST", "exports").status_code == 403
    with tenant(company.account.pk):
        Member.objects.filter(pk=company.alice.member.pk).update(built_in=permissions.AGENT)
    assert company.alice.call("GET", f"exports/{done['id']}/file").status_code == 403


def test_a_token_that_may_not_read_takes_nothing_out(company: Cast) -> None:
    done = packed(company.alice)
    _token, secret = tokens.create_token(
        member=company.alice.member, name="n", scopes=["account.manage", "events.read"]
    )
    narrow = Actor(company.alice.member, secret)
    for method, path in (("POST", "exports"), ("GET", f"exports/{done['id']}/file")):
        answer = narrow.call(method, path)
        assert answer.status_code == 403 and answer.json()["code"] == "scope_missing"
    scopes = ["account.manage", "events.read", "bookings.read"]
    _token, secret = tokens.create_token(member=company.alice.member, name="n", scopes=scopes)
    assert Actor(company.alice.member, secret).call("GET", f"exports/{done['id']}/file").status_code == 404, (
        "it holds what is private to Alice, which this token may not read"
    )


def test_a_file_expires_and_is_forgotten(company: Cast) -> None:
    done = packed(company.alice)
    with tenant(company.account.pk):
        Export.objects.update(created_at=clock.now() - timedelta(days=3, minutes=1))
    assert company.alice.call("GET", f"exports/{done['id']}/file").status_code == 404
    assert company.alice.get("exports")["items"] == []
    archiving.forget_old(company.account.pk)
    with tenant(company.account.pk):
        assert not Export.objects.exists() and not ExportPart.objects.exists()


def test_a_job_that_died_packs_anew_and_two_pack_once(company: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = company.alice.post("exports")
    with tenant(company.account.pk):
        found = Export.objects.get(uuid=asked["id"])
    monkeypatch.setattr(archiving, "PART_BYTES", 500)

    def dying(*_values: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(archiving, "_keep", dying)
        with pytest.raises(MemoryError):
            archiving.pack(company.account.pk, found.pk)
    archiving.pack(company.account.pk, found.pk)
    assert company.alice.get(f"exports/{asked['id']}")["state"] == "running", "another one may still be at it"
    assert archiving.unfinished(company.account.pk) == [found.pk]
    with tenant(company.account.pk):
        Export.objects.update(claimed_at=clock.now() - timedelta(hours=1))
    archiving.pack(company.account.pk, found.pk)
    assert "README.txt" in downloaded(company.alice, asked["id"])
    with tenant(company.account.pk):
        assert ExportPart.objects.count() > 3


def test_nobody_asks_for_exports_without_end(company: Cast) -> None:
    codes = [company.alice.call("POST", "exports").status_code for _ in range(6)]
    assert codes == [202] * 5 + [422]


def test_the_page_asks_for_the_password_and_gives_the_file(company: Cast) -> None:
    browser = company.alice.browser()
    browser.post("/settings/exports")
    with tenant(company.account.pk):
        assert not Export.objects.exists(), "an old sign-in is not enough"
    browser.post("/password/again", {"password": PASSWORD})
    browser.post("/settings/exports")
    with tenant(company.account.pk):
        found = Export.objects.get()
    assert "Being packed" in browser.get("/settings/exports").content.decode()
    archiving.pack(company.account.pk, found.pk)
    address = f"/settings/exports/{found.uuid}"
    assert address in browser.get("/settings/exports").content.decode()
    answer = browser.get(address)
    raw = b"".join(answer.streaming_content)
    assert int(answer["Content-Length"]) == len(raw) and "calendars.json" in opened(raw)
    assert company.charlie.browser().get(address).status_code == 404
    assert answer["Cache-Control"] == "no-store"
