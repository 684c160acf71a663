"""What may stand as a name that strangers read in mails, calendars and pages.

A person who types a name decides what appears in other people's mailboxes under somebody else's letterhead. So a name
is one line without invisible characters, and no place for an address to click on.
"""

import re
import unicodedata

LONGEST = 120
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = {"\u200c", "\u200d"}
"""Invisible, but part of how some languages are written."""
_MAIL = re.compile(r"(?<![^\s@<>])[^\s@<>]+@[^\s@<>]+")
_LINK = re.compile(  # every repetition is bounded: whoever sends a megabyte waits for it no longer than for a line
    r"://|\bwww\.|\bhttps?:|\b(?:javascript|data|mailto|tel):\S"
    r"|\b[\w-]{1,63}\.[a-z]{2,24}[/?#]"
    r"|\b[\w-]{2,63}\.(?:com|net|org|info|biz|io|co|me|ru|cn|xyz|top|link|site|online|shop|click|app|dev|ly|to|br)\b",
    re.IGNORECASE,
)


class HasLink(ValueError):
    """A name that mail programs would turn into something to click on."""


def name(text: str, longest: int = LONGEST) -> str:
    """A name as it may be shown to strangers: tidied, and cut. Raises HasLink."""
    tidied = tidy(text, longest)
    if has_link(tidied):
        raise HasLink(tidied)
    return tidied


def tidy(text: str, longest: int = LONGEST) -> str:
    """One line without control characters and without those that turn the direction of what follows."""
    return " ".join(_visible(text).split())[:longest].strip()


def has_link(text: str) -> bool:
    """Whether programs would make a link of some of it; a plain mail address is none."""
    return bool(_LINK.search(_MAIL.sub(" ", unicodedata.normalize("NFKC", text))))


def lines(text: str, longest: int) -> str:
    """Text of several lines, the only control characters left being the breaks between them."""
    rows = re.split(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)
    return "\n".join(_visible(row).rstrip() for row in rows).strip()[:longest]


def quoted(label: str, text: str) -> str:
    """An answer beside its question, for a mail: what somebody typed can never look like a line of the mail's own."""
    return f"{label}: " + text.replace("\n", "\n    ")


def unmarked(text: str) -> str:
    """For a place that reads HTML, as Google's descriptions do: it looks the same, and nothing in it is markup."""
    return text.translate({ord("<"): "‹", ord(">"): "›"})


def _visible(text: str) -> str:
    return "".join(
        character if character in _JOINERS or unicodedata.category(character) not in _HIDDEN else " "
        for character in text
    )
