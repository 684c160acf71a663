"""Bringing files in: what is said beforehand, what is done, that nobody hears of it, and taking it back."""

import time
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from conversa_calendar.accounts.tasks import forget_counts
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar, Event, History, OutgoingMail
from conversa_calendar.formats import importing
from conversa_calendar.formats.models import Import
from conversa_calendar.kit import clock
from conversa_calendar.sync.run import seats
from tests.support.cast import Actor, Cast
from tests.support.google import Google
from tests.support.worker import working_lane
from tests.sync.conftest import ANA

ZONE = "America/Sao_Paulo"
YEAR = "from=2026-11-01T00:00:00Z&to=2027-11-01T00:00:00Z"


def vevent(
    uid: str, *lines: str, start: str = "DTSTART;TZID=Europe/Berlin:20261201T090000", summary: str = "Plan"
) -> str:
    own = [f"UID:{uid}", "DTSTAMP:20261101T000000Z", start, f"SUMMARY:{summary}"]
    own += (
        []
        if any(line.startswith(("DTEND", "DURATION")) for line in lines) or "VALUE=DATE" in start
        else ["DURATION:PT1H"]
    )
    return "\r\n".join(["BEGIN:VEVENT", *own, *lines, "END:VEVENT", ""])


def file(*events: str, head: str = "") -> bytes:
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Else//EN\r\n" + head + "".join(events) + "END:VCALENDAR\r\n"
    ).encode()


def rehearse(actor: Actor, calendar: str, raw: bytes, guests: str = "text") -> Any:
    client = Client(HTTP_AUTHORIZATION=f"Bearer {actor.token}")
    return client.post(
        f"/api/v1/imports?calendar={calendar}&guests={guests}&name=plan.ics", raw, content_type="text/calendar"
    )


def bring_in(actor: Actor, calendar: str, raw: bytes, guests: str = "text") -> dict[str, Any]:
    rehearsed = rehearse(actor, calendar, raw, guests)
    assert rehearsed.status_code == 200, rehearsed.content
    return carried_out(actor, rehearsed.json()["id"], "apply")


def carried_out(actor: Actor, uuid: str, what: str) -> dict[str, Any]:
    answer = actor.call("POST", f"imports/{uuid}/{what}")
    assert answer.status_code == 202, answer.content
    with tenant(actor.account_id):
        found = Import.objects.get(uuid=uuid)
    importing.advance(actor.account_id, found.pk)
    done: dict[str, Any] = actor.get(f"imports/{uuid}")
    return done


@pytest.fixture
def calendar(cast: Cast) -> str:
    made: str = cast.alice.post("calendars", {"name": "Support", "time_zone": ZONE})["id"]
    return made


def shown(actor: Actor) -> list[tuple[str, str]]:
    items = actor.get(f"events?{YEAR}")["items"]
    return sorted((item["start"].get("date") or item["start"]["date_time"], item["summary"]) for item in items)


SERIES = (
    vevent("series@else", "RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;TZID=Europe/Berlin:20261208T090000", summary="Weekly"),
    vevent(
        "series@else",
        "RECURRENCE-ID;TZID=Europe/Berlin:20261215T090000",
        start="DTSTART:20261215T120000Z",
        summary="Moved",
    ),
    vevent("series@else", "RECURRENCE-ID;TZID=Europe/Berlin:20261222T090000", "STATUS:CANCELLED", summary="Weekly"),
)
ALL = (
    *SERIES,
    vevent("one@else", "LOCATION:Room\\, 5"),
    vevent("days@else", start="DTSTART;VALUE=DATE:20261224", summary="Off"),
)
EXPECTED = [
    ("2026-12-01T09:00:00+01:00", "Plan"),
    ("2026-12-01T09:00:00+01:00", "Weekly"),
    ("2026-12-15T13:00:00+01:00", "Moved"),
    ("2026-12-24", "Off"),
]


def test_a_rehearsal_says_what_would_happen_and_does_nothing(cast: Cast, calendar: str) -> None:
    raw = file(
        *ALL,
        vevent("bad@else", start="DTSTART;TZID=Nowhere:20261201T090000", summary="Lost"),
        "BEGIN:VTODO\r\nEND:VTODO\r\n",
    )
    found = rehearse(cast.alice, calendar, raw).json()
    assert found["counts"] == {"new": 5, "changed": 0, "same": 0, "cancelled": 0, "unreadable": 1, "refused": 0}
    assert found["state"] == "rehearsed" and found["mails"] == 0 and found["name"] == "plan.ics"
    lost = next(row for row in found["items"] if row["what"] == "unreadable")
    assert lost["summary"] == "Lost" and "Nowhere" in lost["reason"]
    assert shown(cast.alice) == []


def test_a_file_is_brought_in_with_series_and_days(cast: Cast, calendar: str) -> None:
    done = bring_in(cast.alice, calendar, file(*ALL))
    assert done["state"] == "done" and shown(cast.alice) == EXPECTED
    with tenant(cast.account.pk):
        assert History.objects.filter(cause="imported").count() == 3
        assert OutgoingMail.objects.count() == 0


def test_the_same_file_twice_changes_nothing(cast: Cast, calendar: str) -> None:
    bring_in(cast.alice, calendar, file(*ALL))
    with tenant(cast.account.pk):
        before = list(Event.objects.values_list("pk", "revision"))
    again = bring_in(cast.alice, calendar, file(*ALL))
    assert again["counts"]["same"] == 5 and again["counts"]["new"] == again["counts"]["changed"] == 0
    with tenant(cast.account.pk):
        assert list(Event.objects.values_list("pk", "revision")) == before


def test_a_file_that_did_not_change_leaves_what_people_changed(cast: Cast, calendar: str) -> None:
    bring_in(cast.alice, calendar, file(*ALL))
    uuid = next(item["id"] for item in cast.alice.get("events?q=Plan")["items"])
    cast.alice.patch(f"events/{uuid}", {"summary": "Mine"})
    assert bring_in(cast.alice, calendar, file(*ALL))["counts"]["changed"] == 0
    assert ("2026-12-01T09:00:00+01:00", "Mine") in shown(cast.alice)


def test_a_newer_file_changes_what_it_says_otherwise(cast: Cast, calendar: str) -> None:
    bring_in(cast.alice, calendar, file(*ALL))
    newer = (vevent("one@else", "SEQUENCE:2", summary="Other plan"), *SERIES, vevent("new@else", summary="Third"))
    done = bring_in(cast.alice, calendar, file(*newer))
    assert (done["counts"]["changed"], done["counts"]["new"], done["counts"]["same"]) == (1, 1, 3)
    assert [title for _start, title in shown(cast.alice)] == ["Other plan", "Third", "Weekly", "Moved", "Off"]
    older = bring_in(cast.alice, calendar, file(vevent("one@else", "SEQUENCE:1", summary="Old plan")))
    assert older["counts"]["same"] == 1, "what is older than what was brought in is left"


def test_undo_takes_back_what_was_made_and_puts_back_what_was_changed(cast: Cast, calendar: str) -> None:
    bring_in(cast.alice, calendar, file(*ALL))
    series = vevent(
        "series@else",
        "RECURRENCE-ID;TZID=Europe/Berlin:20261215T090000",
        start="DTSTART:20261215T150000Z",
        summary="Later",
    )
    newer = (vevent("one@else", summary="Other plan"), series, vevent("new@else", summary="Third"))
    done = bring_in(cast.alice, calendar, file(*newer))
    assert [title for _start, title in shown(cast.alice)] == ["Other plan", "Third", "Weekly", "Later", "Off"]
    undone = carried_out(cast.alice, done["id"], "undo")
    assert undone["state"] == "undone" and undone["left_over"] == [] and shown(cast.alice) == EXPECTED
    again = bring_in(cast.alice, calendar, file(*newer))
    assert (again["counts"]["changed"], again["counts"]["new"]) == (2, 1), "what was undone can be brought in again"


def test_undo_leaves_and_names_what_somebody_changed_since(cast: Cast, calendar: str) -> None:
    done = bring_in(cast.alice, calendar, file(*ALL))
    series = next(item["id"] for item in cast.alice.get("events?q=Weekly")["items"] if item["kind"] == "series")
    cast.alice.patch(f"events/{series}?scope=this&occurrence=2026-12-01T08:00:00Z", {"location": "Here"})
    undone = carried_out(cast.alice, done["id"], "undo")
    assert [row["summary"] for row in undone["left_over"]] == ["Weekly"]
    assert [title for _start, title in shown(cast.alice)] == ["Weekly", "Moved"]
    refused = cast.alice.call("POST", f"imports/{done['id']}/undo")
    assert refused.status_code == 422


def test_guests_in_a_file_become_text_unless_chosen(cast: Cast, calendar: str) -> None:
    people = (
        'ATTENDEE;CN="Gil, Ana";PARTSTAT=ACCEPTED:mailto:gil@else.example',
        "ORGANIZER:mailto:boss@else.example",
        "DESCRIPTION:Bring ink",
    )
    raw = file(vevent("one@else", *people))
    for guests, described, invited in (
        ("text", "Bring ink\n\nGuests in the file: Gil, Ana <gil@else.example>", 0),
        ("drop", "Bring ink", 0),
        ("keep", "Bring ink", 1),
    ):
        done = bring_in(cast.alice, calendar, raw, guests)
        found = cast.alice.get("events?q=Plan")["items"][0]
        assert found["description"] == described and len(found["attendees"]) == invited, guests
        carried_out(cast.alice, done["id"], "undo")
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.count() == 0
    assert rehearse(cast.alice, calendar, raw, "mail").status_code == 422


def test_a_job_that_died_goes_on_without_doubling(cast: Cast, calendar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uuid = rehearse(cast.alice, calendar, file(*ALL)).json()["id"]
    real, count = importing._bring_in, []

    def dying(*values: Any) -> Any:
        count.append(1)
        if len(count) == 2:
            raise MemoryError
        return real(*values)

    monkeypatch.setattr(importing, "_bring_in", dying)
    with pytest.raises(MemoryError):
        carried_out(cast.alice, uuid, "apply")
    assert len(shown(cast.alice)) == 1
    monkeypatch.undo()
    assert importing.unfinished(cast.account.pk)
    assert carried_out(cast.alice, uuid, "apply")["state"] == "done" and shown(cast.alice) == EXPECTED


def test_a_job_that_comes_late_does_not_bring_back_what_was_undone(
    cast: Cast, calendar: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = rehearse(cast.alice, calendar, file(*ALL)).json()["id"]
    real = importing._bring_in

    def late(*values: Any) -> Any:
        monkeypatch.undo()
        with tenant(cast.account.pk):
            found = Import.objects.get(uuid=uuid)
        importing.advance(cast.account.pk, found.pk)
        carried_out(cast.alice, uuid, "undo")
        return real(*values)

    monkeypatch.setattr(importing, "_bring_in", late)
    done = carried_out(cast.alice, uuid, "apply")
    assert shown(cast.alice) == [] and done["state"] == "undone"


def test_an_undo_that_died_goes_on_and_names_nothing_that_it_took_back_itself(
    cast: Cast, calendar: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_in(cast.alice, calendar, file(*ALL))
    newer = (vevent("one@else", summary="Other plan"), vevent("series@else", "RRULE:FREQ=WEEKLY;COUNT=4", summary="S"))
    done = bring_in(cast.alice, calendar, file(*newer))
    real, count = importing._taken_back, []

    def dying(*values: Any) -> Any:
        count.append(1)
        if len(count) == 2:
            raise MemoryError
        return real(*values)

    monkeypatch.setattr(importing, "_taken_back", dying)
    with pytest.raises(MemoryError):
        carried_out(cast.alice, done["id"], "undo")
    monkeypatch.undo()
    undone = carried_out(cast.alice, done["id"], "undo")
    assert undone["state"] == "undone" and undone["left_over"] == [] and shown(cast.alice) == EXPECTED


def test_files_that_take_long_leave_threads_to_what_everybody_waits_for(cast: Cast, calendar: str) -> None:
    uuids = [
        rehearse(cast.alice, calendar, file(vevent(f"{n}@else"))).json()["id"] for n in range(seats.UPKEEP.threads)
    ]
    for uuid in uuids:
        assert cast.alice.call("POST", f"imports/{uuid}/apply").status_code == 202
    asked = forget_counts.defer(timestamp=0)
    with ExitStack() as lane:
        with tenant(cast.account.pk):
            assert len(Import.objects.select_for_update(of=("self",))) == len(uuids)  # whoever carries one out waits
            lane.enter_context(working_lane(seats.UPKEEP))
            ends_at = clock.steady_s() + 15
            while (is_waiting := ProcrastinateJob.objects.filter(pk=asked).exists()) and clock.steady_s() < ends_at:
                pass
        ends_at = clock.steady_s() + 30
        while importing.unfinished(cast.account.pk) and clock.steady_s() < ends_at:
            pass
    assert not is_waiting and len(shown(cast.alice)) == len(uuids)


def test_only_who_may_write_there_brings_files_in(cast: Cast, calendar: str) -> None:
    assert rehearse(cast.bob, calendar, file(*ALL)).status_code == 404
    items = [{"kind": "agent", "id": str(cast.bob.member.uuid), "level": "details"}]
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
    assert rehearse(cast.bob, calendar, file(*ALL)).status_code == 403
    items[0]["level"] = "edit"
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
    uuid = rehearse(cast.bob, calendar, file(*ALL)).json()["id"]
    assert cast.charlie.call("GET", f"imports/{uuid}").status_code == 404
    items[0]["level"] = "details"
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
    done = carried_out(cast.bob, uuid, "apply")
    assert done["counts"]["refused"] == 5 and shown(cast.alice) == [], "who lost the right meanwhile is refused"


def test_somebody_elses_private_event_is_neither_read_nor_changed_by_a_file(cast: Cast, calendar: str) -> None:
    items = [{"kind": "agent", "id": str(cast.bob.member.uuid), "level": "edit"}]
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
    bring_in(cast.alice, calendar, file(vevent("one@else", "CLASS:PRIVATE", summary="CANARY")))
    done = bring_in(cast.bob, calendar, file(vevent("one@else", summary="Open now")))
    assert done["counts"]["refused"] == 1 and "CANARY" not in str(done)
    assert [title for _start, title in shown(cast.alice)] == ["CANARY"]


WINDOWS = "BEGIN:VTIMEZONE\r\nTZID:Our office\r\n" + "".join(
    f"BEGIN:{kind}\r\nDTSTART:16010101T{hour}0000\r\nTZOFFSETFROM:{was}\r\nTZOFFSETTO:{now}\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH={month}\r\nEND:{kind}\r\n"
    for kind, hour, was, now, month in (("STANDARD", "03", "+0200", "+0100", 10), ("DAYLIGHT", "02", "+0100", "+0200", 3))
) + "END:VTIMEZONE\r\n"  # fmt: skip


@pytest.mark.parametrize(
    ("event", "start", "says"),
    [
        (vevent("u", start="DTSTART;TZID=W. Europe Standard Time:20261201T090000"), "2026-12-01T09:00:00+01:00", ""),
        (vevent("u", start='DTSTART;TZID="Europe/Berlin":20261201T090000'), "2026-12-01T09:00:00+01:00", ""),
        (vevent("u", start="DTSTART;TZID=/else.org/2/Europe/Berlin:20261201T090000"), "2026-12-01T09:00:00+01:00", ""),
        (vevent("u", start="DTSTART;TZID=Our office:20260701T090000"), "2026-07-01T09:00:00+02:00", ""),
        (vevent("u", start='DTSTART;TZID="GMT+02:00":20261201T090000'), "2026-12-01T09:00:00+02:00", ""),
        (vevent("u", start="DTSTART:20261201T090000"), "2026-12-01T09:00:00-03:00", ""),
        (vevent("u", start="DTSTART:20261201T090000Z"), "2026-12-01T06:00:00-03:00", ""),
        (vevent("u", "RRULE:FREQ=YEARLY;UNTIL=20261130T230000Z"), "2026-12-01T09:00:00+01:00", "kept once"),
        (vevent("u", "DURATION:PT0S"), "2026-12-01T09:00:00+01:00", "no length"),
        (vevent("u", "RRULE:FREQ=DAILY;COUNT=2", "EXDATE;TZID=\"Central Europe Standard Time\":20261202T090000"), "2026-12-01T09:00:00+01:00", ""),
    ],
)  # fmt: skip
def test_times_are_read_as_their_zones_mean_them(cast: Cast, calendar: str, event: str, start: str, says: str) -> None:
    done = bring_in(cast.alice, calendar, file(event, head=WINDOWS))
    items = cast.alice.get("events?from=2026-06-01T00:00:00Z&to=2027-06-01T00:00:00Z")["items"]
    assert [item["start"]["date_time"] for item in items] == [start], done
    assert says in str(done["items"])


@pytest.mark.parametrize(
    "event",
    [
        vevent("u", start="DTSTART;TZID=localtime:20261201T090000"),
        vevent("u", start="DTSTART:29990101T000000"),
        vevent("u", start="DTSTART:yesterday"),
        vevent("u", "DTEND:20261101T090000Z"),
        vevent("u", "DESCRIPTION:Agenda:\x00\x00 hello"),
        vevent("u", "DESCRIPTION:" + "long " * 5000),
        vevent("u", "RRULE:FREQ=WEEKLY;INTERVAL=0;BYDAY=MO"),
        vevent("u", "RRULE:FREQ=SECONDLY"),
        vevent("u", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"),
        vevent("u", *["RRULE:FREQ=DAILY;UNTIL=20270101"] * 200),
        vevent("u", "RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T080000Z"),
        vevent("u" * 600),
    ],
)
def test_what_cannot_be_kept_is_named_and_the_rest_is_taken(cast: Cast, calendar: str, event: str) -> None:
    done = bring_in(cast.alice, calendar, file(event, vevent("good@else", summary="Good")))
    bad = next(row for row in done["items"] if row["what"] == "unreadable")
    assert bad["reason"] and [title for _start, title in shown(cast.alice)] == ["Good"]


HOSTILE = {
    "a flood of bytes": file("X" * 6_000_000),
    "no calendar": b"hello",
    "nothing": b"",
    "nested without end": file("BEGIN:X\r\n" * 100_000),
    "lines without end": file("X:1\r\n" * 700_000),
    "too many events": file(*(vevent(f"u{n}") for n in range(5_001))),
}
SPENT = {
    "folded without end": file(vevent("u", "DESCRIPTION:" + "\r\n x" * 1_000_000)),
    "rules without end": file(vevent("u", *["RRULE:FREQ=DAILY;UNTIL=20270101"] * 100_000)),
    "dates without end": file(vevent("u", "RRULE:FREQ=DAILY", "EXDATE:" + ",".join(["20261201T080000Z"] * 5_000))),
    "many rules that never come": file(
        *(vevent(f"u{n}", f"RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30,31;INTERVAL={n + 1}") for n in range(2_000))
    ),
    "quotes without end": file(vevent("u", 'X-A;Y="' + "a" * 90_000, "X-B" + ';C="d"' * 20_000 + ":1")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_beyond_all_measure_is_refused_at_once(cast: Cast, calendar: str, name: str) -> None:
    began = time.thread_time()
    answer = rehearse(cast.alice, calendar, HOSTILE[name])
    assert answer.status_code in {413, 422} and answer.json()["detail"], answer.content[:300]
    assert time.thread_time() - began < 3, "of the processor's time, on any machine"


@pytest.mark.parametrize("name", SPENT)
def test_a_file_that_wastes_time_is_read_within_bounds(cast: Cast, calendar: str, name: str) -> None:
    began = time.thread_time()
    answer = rehearse(cast.alice, calendar, SPENT[name])
    assert answer.status_code in {200, 422}, answer.content[:300]
    assert time.thread_time() - began < 6, "of the processor's time, on any machine"


def test_a_calendar_taken_out_comes_in_elsewhere_as_it_was(cast: Cast, calendar: str) -> None:
    bring_in(cast.alice, calendar, file(*ALL))
    text = cast.alice.call("GET", f"calendars/{calendar}/export").content
    other = cast.charlie.post("calendars", {"name": "Copy", "time_zone": ZONE})["id"]
    bring_in(cast.charlie, other, text)
    assert shown(cast.charlie) == shown(cast.alice) == EXPECTED
    assert bring_in(cast.alice, calendar, text)["counts"]["same"] == 4, "and is known here"
    assert cast.bob.call("GET", f"calendars/{calendar}/export").status_code == 404


def test_the_page_rehearses_brings_in_and_undoes(cast: Cast, calendar: str) -> None:
    from io import BytesIO

    browser, sent = cast.alice.browser(), BytesIO(file(*ALL))
    sent.name = "plan.ics"
    page = browser.post("/settings/imports", {"file": sent, "calendar": calendar, "guests": "text"}, follow=True)
    text, address = page.content.decode(), page.redirect_chain[-1][0]
    assert "5 events are new" in text and "Nobody is mailed." in text and shown(cast.alice) == []
    for what in ("apply", "undo"):
        browser.post(address, {"do": what})
        with tenant(cast.account.pk):
            found = Import.objects.get()
        importing.advance(cast.account.pk, found.pk)
        assert shown(cast.alice) == (EXPECTED if what == "apply" else [])
    assert "undone" in browser.get("/settings/imports").content.decode()
    assert "Choose a file first" in browser.post("/settings/imports", {}, follow=True).content.decode()


def test_what_is_brought_into_a_mirrored_calendar_reaches_google_and_mails_nobody(cast: Cast, google: Google) -> None:
    google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    google.settle()
    with tenant(cast.account.pk):
        target = str(Calendar.objects.get(pk=mirror.calendar_id).uuid)
    people = ("ATTENDEE:mailto:gil@else.example",)
    many = tuple(vevent(f"many{n}@else", summary=f"Many {n}") for n in range(25))
    raw = file(*SERIES, vevent("one@else", *people), *many)
    done = bring_in(cast.alice, target, raw, "keep")
    google.settle()
    there = {e.get("summary") for e in google.person(ANA).list()}
    assert {"Weekly", "Moved", "Plan", "Many 0", "Many 24"} <= there
    assert google.control("mails", method="GET")["mails"] == []
    assert bring_in(cast.alice, target, raw, "keep")["counts"]["same"] == 29
    carried_out(cast.alice, done["id"], "undo")
    google.settle()
    left = [e for e in google.person(ANA).list() if e["status"] != "cancelled"]
    assert left == [], "the brake does not hold what somebody takes back knowingly"
    assert google.control("mails", method="GET")["mails"] == []
