"""The mailbox in which guests' answers arrive, looked into every minute over IMAP.

What was read is marked as seen and stays where it is; nothing is deleted, moved or answered. A mailbox that cannot be
reached is looked into again the next minute.
"""

import imaplib
import logging
import re
from urllib.parse import unquote, urlsplit

from django.conf import settings

from conversa_calendar.domain import answers as reading
from conversa_calendar.formats import answers

log = logging.getLogger(__name__)
MAILS_MAX = 100
"""So many mails are read at once; the next minute reads on."""
TIMEOUT_S = 20
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,12})")


def poll() -> int:
    """Reads the mails that nobody has read; answers how many."""
    if not settings.ANSWERS_URL:
        return 0
    box = _open(settings.ANSWERS_URL)
    try:
        _status, found = box.uid("SEARCH", "UNSEEN")
        numbers = (found[0] or b"").split()[:MAILS_MAX]
        for number in numbers:
            _read(box, number.decode("ascii"))
        return len(numbers)
    finally:
        try:
            box.logout()
        except (imaplib.IMAP4.error, OSError):
            log.info("the mailbox of answers hung up first")


def _open(url: str) -> imaplib.IMAP4:
    parts = urlsplit(url)
    kind = imaplib.IMAP4_SSL if parts.scheme == "imaps" else imaplib.IMAP4
    box = kind(parts.hostname or "", parts.port or (993 if parts.scheme == "imaps" else 143), timeout=TIMEOUT_S)
    box.login(unquote(parts.username or ""), unquote(parts.password or ""))
    folder = unquote(parts.path.strip("/")) or "INBOX"
    status, _said = box.select('"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"')
    if status != "OK":
        raise imaplib.IMAP4.error(f"there is no folder {folder}")
    return box


def _read(box: imaplib.IMAP4, number: str) -> None:
    """Reads one mail and marks it as seen, whatever is in it: one that breaks something must not come again for ever."""
    _status, said = box.uid("FETCH", number, "(RFC822.SIZE)")
    size = _SIZE.search(b" ".join(part for part in said if isinstance(part, bytes)))
    if size is not None and int(size[1]) <= reading.BYTES_MAX:
        _status, parts = box.uid("FETCH", number, "(BODY.PEEK[])")
        raw = next((part[1] for part in parts if isinstance(part, tuple)), b"")
        try:
            answers.deliver(raw)
        except Exception:
            log.exception("a mail of the mailbox of answers could not be taken")
    box.uid("STORE", number, "+FLAGS", "(\\Seen)")
