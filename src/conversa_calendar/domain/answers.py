"""Answers of guests as their calendar programs mail them (RFC 5546 REPLY and COUNTER in RFC 6047 mails), read from whoever
sent them. Nothing is believed here: what a mail says of itself is only told apart."""

import email
import hashlib
import re
from collections.abc import Iterable, Iterator
from email.message import Message
from email.utils import getaddresses

import msgspec

from conversa_calendar.domain import contentlines, icsfile
from conversa_calendar.domain.contentlines import Component
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.foreign_zones import Zones

BYTES_MAX = 2_000_000
PARTS_MAX = 60
ANSWERS_MAX = 20
COMMENT_MAX = 1000
METHODS = ("REPLY", "COUNTER")
RESPONSES = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}
_RESULT = re.compile(r"\s*(dmarc|dkim|spf)\s*=\s*(\w+)", re.I)
_ASIDE = re.compile(r'"[^"]*"|\([^()]*\)')
"""Quoted texts and comments, in which a sender's own words may stand."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `response` is empty where the guest gave none; `content` is what a COUNTER proposes."""

    method: str
    uid: str
    guest: str
    key: str = ""
    response: str = ""
    sequence: int = 0
    stamp: str = ""
    comment: str = ""
    content: Content | None = None


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail with answers in it. `to` is everybody who is named as receiving it or as organiser; `results` what the trusted
    host found out about its sender."""

    fingerprint: str
    sender: str = ""
    to: tuple[str, ...] = ()
    results: dict[str, str] = {}
    answers: tuple[Answer, ...] = ()

    @property
    def is_forged(self) -> bool:
        """Whether the trusted host says that it does not come from whom it names."""
        dmarc = self.results.get("dmarc")
        if dmarc in {"pass", "fail"}:
            return dmarc == "fail"
        given = [self.results[name] for name in ("dkim", "spf") if name in self.results]
        return "pass" not in given and any(result in {"fail", "softfail", "permerror"} for result in given)


def read(raw: bytes, trusted_host: str = "") -> Mail:
    """What a mail holds; one that cannot be read holds nothing."""
    mark = hashlib.sha256(raw).hexdigest()
    if len(raw) > BYTES_MAX:
        return Mail(fingerprint=mark)
    try:
        message = email.message_from_bytes(raw)
        found = list(_answers(message))[:ANSWERS_MAX]
        senders = _addresses(message, "From")
    except (ValueError, LookupError, RecursionError, AssertionError, TypeError, AttributeError):
        return Mail(fingerprint=mark)  # strangers' mails break the library's parser in many ways
    organizers = [name for name, _answer in found if name]
    to = (*_addresses(message, "To"), *_addresses(message, "Cc"), *_addresses(message, "Delivered-To"), *organizers)
    identity = str(message.get("Message-ID", "")).strip()
    return Mail(
        fingerprint=hashlib.sha256(f"{identity}{senders}".encode(errors="replace")).hexdigest() if identity else mark,
        sender=_plain(senders[0]) if len(senders) == 1 else "",
        to=tuple(dict.fromkeys(to))[:20],
        results=_results(message, trusted_host),
        answers=tuple(answer for _name, answer in found),
    )


def _answers(message: Message) -> Iterator[tuple[str, Answer]]:
    """(organiser, answer) of each VEVENT of each calendar in a mail."""
    for number, part in enumerate(message.walk()):
        if number >= PARTS_MAX:
            return
        if part.get_content_type() not in {"text/calendar", "application/ics"}:
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        try:
            calendars = contentlines.calendars(contentlines.decoded(payload))
        except contentlines.Unreadable:
            continue
        found = [pair for calendar in calendars for pair in _of_calendar(calendar)]
        if found:
            yield from found
            return  # programs send the same once more as an attachment


def _of_calendar(calendar: Component) -> Iterator[tuple[str, Answer]]:
    named = calendar.first("METHOD")
    method = named.value.strip().upper() if named is not None else ""
    if method not in METHODS:
        return
    zones = Zones((part for part in calendar.parts if part.name == "VTIMEZONE"), "UTC")
    for part in [one for one in calendar.parts if one.name == "VEVENT"][:ANSWERS_MAX]:
        answer = _answer(part, method, zones)
        organizer = part.first("ORGANIZER")
        if answer is not None:
            yield _address(organizer.value) if organizer is not None else "", answer


def _answer(part: Component, method: str, zones: Zones) -> Answer | None:
    guests, uid, comment = part.every("ATTENDEE"), part.first("UID"), part.first("COMMENT")
    if len(guests) != 1 or uid is None:
        return None
    try:
        key = icsfile.key_of(part, zones)
        content = icsfile.event(part, zones).content if method == "COUNTER" else None
    except (ValueError, OverflowError):
        return None
    stamp, sequence = part.first("DTSTAMP"), part.first("SEQUENCE")
    text = sequence.value.strip() if sequence is not None else ""
    return Answer(
        method=method,
        uid=_storable(uid.text)[: icsfile.UID_MAX],
        guest=_plain(_address(guests[0].value)),
        key=key,
        response=RESPONSES.get(guests[0].parameters.get("PARTSTAT", "").upper(), ""),
        sequence=int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0,
        stamp=_storable(stamp.value)[:40] if stamp is not None else "",
        comment=_storable(comment.text[:COMMENT_MAX]) if comment is not None else "",
        content=content,
    )


def _results(message: Message, trusted_host: str) -> dict[str, str]:
    """By method, what the first header of the trusted host says; other hosts' headers prove nothing."""
    if not trusted_host:
        return {}
    for header in message.get_all("Authentication-Results", []):
        host, *rest = _ASIDE.sub("", str(header)).split(";")
        if host.split()[:1] and host.split()[0].lower() == trusted_host:
            given = [(found[1].lower(), found[2].lower()) for text in rest if (found := _RESULT.match(text))]
            return {name: "pass" if (name, "pass") in given else result for name, result in given}
    return {}


def _addresses(message: Message, name: str) -> list[str]:
    values: Iterable[str] = [str(value) for value in message.get_all(name, [])]
    return [found.strip().lower() for _called, found in getaddresses(list(values)[:20]) if "@" in found][:20]


def _address(text: str) -> str:
    text = text.strip()
    return text[7:].strip().lower() if text[:7].lower() == "mailto:" else ""


def _storable(text: str) -> str:
    """A stranger's text without what no column holds."""
    return "".join(sign for sign in text if sign in "\n\t" or 32 <= ord(sign) < 0xD800 or ord(sign) > 0xDFFF).strip()


def _plain(address: str) -> str:
    """An address, unless it holds what no address does: without that it would be another one."""
    return address if _storable(address) == address else ""
