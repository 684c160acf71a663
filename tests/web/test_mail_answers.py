"""Answers that guests mail: the right guest's, for the right occurrence; forged and stale ones change nothing."""

import re
import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from django.conf import settings
from django.core import mail as postbox
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import services
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.formats import mailbox
from conversa_calendar.formats.models import MailAnswer
from tests.support.cast import Actor, Cast
from tests.support.google import Google
from tests.sync.conftest import ANA

GIL, ROSA, EVE = "gil@else.example", "rosa@else.example", "eve@else.example"
ZONE = "America/Sao_Paulo"


class Invited:
    """An event of Alice's to which guests were invited by mail, as they have it."""

    def __init__(self, cast: Cast, **more: Any) -> None:
        self.cast, self.alice = cast, cast.alice
        start = {"date_time": "2026-12-01T09:00:00", "time_zone": ZONE}
        guests = [{"email": GIL}, {"email": ROSA}]
        with tenant(cast.account.pk):
            own = str(Calendar.objects.get(owner=cast.alice.member, is_personal=True).uuid)
        body = {"calendar": own, "summary": "Plan", "start": start, "attendees": guests, "notify": "all"} | more
        self.id: str = cast.alice.post("events", body)["id"]
        self.send()

    def send(self) -> None:
        services.send_mail(self.cast.account.pk)

    def sequence(self, guest: str = GIL) -> int:
        """The SEQUENCE of the last mail that a guest got."""
        with tenant(self.cast.account.pk):
            sent = OutgoingMail.objects.filter(to=guest, sent_at__isnull=False).latest("pk")
        return int(re.findall(r"SEQUENCE:(\d+)", sent.ics)[0])

    def responses(self, occurrence: str = "") -> dict[str, str]:
        items = self.alice.get("events?from=2026-11-30T00:00:00Z&to=2026-12-30T00:00:00Z")["items"]
        found = [
            i
            for i in items
            if i["summary"] == "Plan" and (not occurrence or i["start"]["date_time"].startswith(occurrence))
        ]
        return {guest["email"]: guest["response"] for guest in found[0]["attendees"]}

    def calendar(
        self, guest: str = GIL, answer: str = "ACCEPTED", *lines: str, method: str = "REPLY", **more: Any
    ) -> str:
        values = {"UID": f"{self.id}@conversa", "SEQUENCE": str(self.sequence()), "DTSTAMP": "20261128T120000Z"} | more
        own = [f"{name}:{value}" for name, value in values.items()]
        own += [
            f"ORGANIZER:mailto:{self.alice.member.user.email}",
            f"ATTENDEE;PARTSTAT={answer}:mailto:{guest}",
            *lines,
        ]
        return "\r\n".join(
            [
                "BEGIN:VCALENDAR",
                "VERSION:2.0",
                f"METHOD:{method}",
                "BEGIN:VEVENT",
                *own,
                "END:VEVENT",
                "END:VCALENDAR",
                "",
            ]
        )


def message(ics: str, sender: str = GIL, method: str = "REPLY", **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"Some One <{sender}>", "alice@acme.example", "Accepted: Plan"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Gil accepted.")
    mail.add_alternative(ics.encode(), "text", "calendar", params={"method": method, "charset": "utf-8"}, cte="base64")
    return mail.as_bytes()


def hand_over(actor: Actor, raw: bytes) -> list[dict[str, Any]]:
    client = Client(HTTP_AUTHORIZATION=f"Bearer {actor.token}")
    answer = client.post("/api/v1/mail", raw, content_type="message/rfc822")
    assert answer.status_code == 200, answer.content
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def outcome(actor: Actor, raw: bytes) -> tuple[str, str]:
    (found,) = hand_over(actor, raw)
    return found["outcome"], found["reason"]


@pytest.fixture
def invited(cast: Cast) -> Invited:
    return Invited(cast)


@pytest.mark.parametrize(
    ("said", "kept"), [("ACCEPTED", "accepted"), ("DECLINED", "declined"), ("TENTATIVE", "tentative")]
)
def test_an_answer_by_mail_is_the_guests_answer(invited: Invited, said: str, kept: str) -> None:
    sent = len(postbox.outbox)
    assert outcome(invited.alice, message(invited.calendar(GIL, said, "COMMENT:On my way"))) == ("applied", "")
    assert invited.responses() == {GIL: kept, ROSA: "needsAction"}
    invited.send()
    assert len(postbox.outbox) == sent, "nothing is mailed back"
    entry = invited.alice.get(f"events/{invited.id}/history")["items"][0]
    assert entry["cause"] == "answered" and GIL in str(entry)


def test_one_occurrence_is_answered_by_itself(cast: Cast) -> None:
    invited = Invited(cast, recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    ics = invited.calendar(GIL, "DECLINED", **{"RECURRENCE-ID": "20261202T120000Z"})
    assert outcome(invited.alice, message(ics)) == ("applied", "")
    answers = [invited.responses(f"2026-12-0{day}")[GIL] for day in (1, 2, 3)]
    assert answers == ["needsAction", "declined", "needsAction"]
    assert outcome(invited.alice, message(invited.calendar(ROSA, "ACCEPTED"), ROSA)) == ("applied", "")
    assert [invited.responses(f"2026-12-0{day}")[ROSA] for day in (1, 3)] == ["accepted"] * 2
    wrong = invited.calendar(GIL, "DECLINED", **{"RECURRENCE-ID": "20261202T130000Z"})
    assert outcome(invited.alice, message(wrong)) == ("ignored", "no_such_occurrence")


@pytest.mark.parametrize(
    ("reason", "guest", "sender", "more"),
    [
        ("other_sender", GIL, EVE, {}),
        ("other_sender", GIL, ROSA, {}),
        ("not_a_guest", EVE, EVE, {}),
        ("unknown_event", GIL, GIL, {"UID": "nothing@conversa"}),
        ("no_such_occurrence", GIL, GIL, {"RECURRENCE-ID": "20261202T120000Z"}),
    ],
)
def test_an_answer_that_is_not_the_guests_changes_nothing(
    invited: Invited, reason: str, guest: str, sender: str, more: dict[str, str]
) -> None:
    assert outcome(invited.alice, message(invited.calendar(guest, **more), sender)) == ("ignored", reason)
    assert invited.responses() == {GIL: "needsAction", ROSA: "needsAction"}


def test_two_senders_or_two_guests_in_one_answer_are_nobodys(invited: Invited) -> None:
    twice = invited.calendar(GIL, "ACCEPTED", f"ATTENDEE;PARTSTAT=DECLINED:mailto:{ROSA}")
    assert hand_over(invited.alice, message(twice)) == []
    raw = message(invited.calendar()).replace(b"From: Some One", f"From: {EVE}, Some One".encode())
    assert outcome(invited.alice, raw) == ("ignored", "other_sender")
    assert invited.responses()[GIL] == "needsAction"


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ("mx.acme.example; dmarc=fail header.from=else.example", "forged"),
        ("mx.acme.example; dkim=fail; spf=softfail", "forged"),
        ('MX.acme.example 1; dmarc=fail (say; dmarc=pass) header.from="x; dmarc=pass"', "forged"),
        ("mx.acme.example; dkim=fail; spf=pass", ""),
        ("mx.acme.example; dmarc=pass; dkim=fail", ""),
        ("mx.evil.example; dmarc=fail", ""),
    ],
)
def test_what_the_trusted_host_calls_forged_is_ignored(
    invited: Invited, monkeypatch: pytest.MonkeyPatch, results: str, reason: str
) -> None:
    monkeypatch.setattr(settings, "MAIL_AUTH_HOST", "mx.acme.example")
    raw = message(invited.calendar(), Authentication_Results=results)
    assert outcome(invited.alice, raw) == ("ignored" if reason else "applied", reason)


def test_a_forged_result_below_the_trusted_one_proves_nothing(
    invited: Invited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAIL_AUTH_HOST", "mx.acme.example")
    lines = b"Authentication-Results: mx.acme.example; dmarc=fail\r\nAuthentication-Results: mx.acme.example; dmarc=pass\r\n"
    assert outcome(invited.alice, lines + message(invited.calendar())) == ("ignored", "forged")


def test_an_answer_to_an_older_invitation_is_stale(invited: Invited) -> None:
    older = invited.calendar(GIL, "ACCEPTED")
    later = {"date_time": "2026-12-01T15:00:00", "time_zone": ZONE}
    invited.alice.patch(f"events/{invited.id}", {"start": later, "notify": "all"})
    invited.send()
    assert outcome(invited.alice, message(older)) == ("ignored", "stale_sequence")
    assert outcome(invited.alice, message(invited.calendar(GIL, "DECLINED"))) == ("applied", "")
    assert invited.responses()[GIL] == "declined"


def test_answers_that_overtake_each_other_leave_the_newer_one(invited: Invited) -> None:
    newer = invited.calendar(GIL, "DECLINED", DTSTAMP="20261128T130000Z")
    older = invited.calendar(GIL, "ACCEPTED", DTSTAMP="20261128T120000Z")
    assert outcome(invited.alice, message(newer)) == ("applied", "")
    assert outcome(invited.alice, message(older)) == ("ignored", "stale_stamp")
    assert outcome(invited.alice, message(invited.calendar(ROSA, DTSTAMP="20261128T110000Z"), ROSA)) == ("applied", "")
    assert invited.responses() == {GIL: "declined", ROSA: "accepted"}


def test_the_same_mail_twice_is_taken_once(invited: Invited) -> None:
    raw = message(invited.calendar(), Message_ID="<1@else.example>")
    assert outcome(invited.alice, raw) == outcome(invited.alice, raw) == ("applied", "")
    with tenant(invited.cast.account.pk):
        assert MailAnswer.objects.count() == 1
    assert len(invited.alice.get(f"events/{invited.id}/history")["items"]) == 2


def _countered(invited: Invited, hour: int = 18, **more: str) -> str:
    lines = (f"DTSTART:20261201T{hour}0000Z", f"DTEND:20261201T{hour + 1}0000Z", "COMMENT:Earlier is hard")
    raw = message(invited.calendar(GIL, "TENTATIVE", *lines, method="COUNTER", **more), method="COUNTER")
    assert outcome(invited.alice, raw) == ("proposed", "")
    (found,) = invited.alice.get(f"events/{invited.id}/proposals")["items"]
    proposal: str = found["id"]
    assert found["guest"] == GIL and found["comment"] == "Earlier is hard"
    return proposal


def test_another_time_is_proposed_shown_and_taken(invited: Invited) -> None:
    _countered(invited, 17)
    proposal = _countered(invited, 18, DTSTAMP="20261128T130000Z")
    assert (
        invited.responses()[GIL] == "needsAction"
        and invited.alice.get(f"events/{invited.id}")["start"]["date_time"][11:16] == "09:00"
    )
    browser = invited.alice.browser()
    page = browser.get(f"/events/{invited.id}").content.decode()
    assert "proposes another time" in page and "15:00" in page and f"/proposals/{proposal}" in page
    browser.post(f"/events/{invited.id}/proposals/{proposal}", {"action": "accept", "notify": "all"})
    assert invited.alice.get(f"events/{invited.id}")["start"] == {
        "date_time": "2026-12-01T15:00:00-03:00",
        "time_zone": ZONE,
    }
    sent = len(postbox.outbox)
    invited.send()
    assert len(postbox.outbox) == sent + 2, "both guests hear of the new time"
    assert invited.alice.get(f"events/{invited.id}/proposals")["items"] == []
    again = invited.alice.call("POST", f"events/{invited.id}/proposals/{proposal}", {"action": "accept"})
    assert again.status_code == 404


def test_a_proposal_is_dismissed_without_a_word(invited: Invited) -> None:
    proposal, sent = _countered(invited), len(postbox.outbox)
    assert (
        invited.alice.post(f"events/{invited.id}/proposals/{proposal}", {"action": "dismiss"})["state"] == "dismissed"
    )
    invited.send()
    assert len(postbox.outbox) == sent and invited.alice.get(f"events/{invited.id}/proposals")["items"] == []


def test_proposals_are_for_who_may_change_the_event(invited: Invited) -> None:
    proposal = _countered(invited)
    for actor, status in ((invited.cast.bob, 404), (invited.cast.charlie, 404)):
        assert actor.call("GET", f"events/{invited.id}/proposals").status_code == status
        assert (
            actor.call("POST", f"events/{invited.id}/proposals/{proposal}", {"action": "accept"}).status_code == status
        )
    with tenant(invited.cast.account.pk):
        calendar = Event.objects.select_related("calendar").get(uuid=invited.id).calendar
    items = [{"kind": "agent", "id": str(invited.cast.bob.member.uuid), "level": "busy"}]
    invited.alice.put(f"calendars/{calendar.uuid}/assignments", {"items": items})
    assert invited.cast.bob.get(f"events/{invited.id}/proposals")["items"] == []
    items[0]["level"] = "details"
    invited.alice.put(f"calendars/{calendar.uuid}/assignments", {"items": items})
    assert len(invited.cast.bob.get(f"events/{invited.id}/proposals")["items"]) == 1
    assert (
        invited.cast.bob.call("POST", f"events/{invited.id}/proposals/{proposal}", {"action": "accept"}).status_code
        == 403
    )


def test_only_a_token_for_mail_hands_mail_over(invited: Invited) -> None:
    raw = message(invited.calendar())
    for actor, status in ((invited.cast.bob, 403), (invited.cast.charlie, 200)):
        client = Client(HTTP_AUTHORIZATION=f"Bearer {actor.token}")
        answer = client.post("/api/v1/mail", raw, content_type="message/rfc822")
        assert answer.status_code == status, answer.content
    assert invited.responses()[GIL] == "needsAction", "another account's mail does nothing here"
    with tenant(invited.cast.other.pk):
        assert MailAnswer.objects.count() == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"hello",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 3000,
        b"Content-Type: text/calendar; charset=nonsense\r\nFrom: =?utf-8?b?////?=\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\n",
        b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"From: " + b"a@b.example, " * 50_000,
        b"X" * 1_900_000,
    ],
)
def test_a_mail_that_is_none_changes_nothing(invited: Invited, raw: bytes) -> None:
    assert hand_over(invited.alice, raw) == []


def test_a_mail_beyond_all_measure_is_refused(invited: Invited) -> None:
    client = Client(HTTP_AUTHORIZATION=f"Bearer {invited.alice.token}")
    assert client.post("/api/v1/mail", b"X" * 2_000_001, content_type="message/rfc822").status_code == 413


def test_guests_of_googles_events_are_answered_there(cast: Cast, google: Google) -> None:
    boss = google.person("boss@else.example")
    google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    times = {"start": {"dateTime": "2026-12-01T09:00:00-03:00"}, "end": {"dateTime": "2026-12-01T10:00:00-03:00"}}
    guests = [{"email": ANA}, {"email": GIL}]
    boss.insert(summary="Plan", attendees=guests, **times)
    google.person(ANA).insert(summary="Own", attendees=[{"email": GIL}], **times)
    google.check()
    with tenant(cast.account.pk):
        assert mirror.calendar_id
        theirs, own = (Event.objects.get(summary=name) for name in ("Plan", "Own"))
    mark = google.mark()
    for event, said in ((theirs, ("ignored", "organised_elsewhere")), (own, ("applied", ""))):
        ics = f"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:{event.uid}\r\nDTSTAMP:20261128T120000Z\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:{GIL}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        assert outcome(cast.alice, message(ics)) == said
    google.settle()
    writes = google.writes(mark)
    assert [write["send_updates"] in {None, "", "none"} for write in writes] == [True], writes
    assert google.control("mails", method="GET")["mails"] == []


class _Imap(socketserver.StreamRequestHandler):
    """As much of IMAP as a client that reads what is unread needs."""

    def handle(self) -> None:
        box: dict[int, bytes] = self.server.box  # type: ignore[attr-defined]
        seen: set[int] = self.server.seen  # type: ignore[attr-defined]
        self.wfile.write(b"* OK ready\r\n")
        while line := self.rfile.readline().decode().strip():
            tag, _space, said = line.partition(" ")
            words = said.upper().split()
            if words[0] == "CAPABILITY":
                self.wfile.write(b"* CAPABILITY IMAP4REV1\r\n")
            elif words[0] == "LOGIN" and "wrong" in said:
                self.wfile.write(f"{tag} NO\r\n".encode())
                continue
            elif words[:2] == ["UID", "SEARCH"]:
                unseen = " ".join(str(number) for number in box if number not in seen)
                self.wfile.write(f"* SEARCH {unseen}\r\n".encode())
            elif words[:2] == ["UID", "FETCH"]:
                raw = box[int(words[2])]
                if "SIZE" in said:
                    self.wfile.write(f"* 1 FETCH (UID {words[2]} RFC822.SIZE {len(raw)})\r\n".encode())
                else:
                    self.wfile.write(f"* 1 FETCH (UID {words[2]} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")
            elif words[:2] == ["UID", "STORE"]:
                seen.add(int(words[2]))
            self.wfile.write(f"{tag} OK done\r\n".encode())


@pytest.fixture
def imap(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Imap) as server:
        server.box, server.seen = {}, set()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(
            settings, "ANSWERS_URL", f"imap://answers:secret@127.0.0.1:{server.server_address[1]}/INBOX"
        )
        yield server
        server.shutdown()


def test_the_mailbox_is_read_and_left_as_it_is(invited: Invited, imap: Any) -> None:
    imap.box.update(
        {1: b"hello", 2: message(invited.calendar()), 3: b"X" * 2_000_001, 4: message(invited.calendar(ROSA), EVE)}
    )
    assert mailbox.poll() == 4
    assert invited.responses() == {GIL: "accepted", ROSA: "needsAction"}
    assert imap.seen == {1, 2, 3, 4} and len(imap.box) == 4
    assert mailbox.poll() == 0


def test_without_a_mailbox_nothing_is_asked(db: None) -> None:
    assert mailbox.poll() == 0
