"""Times and recurrence in words, in the reader's language."""

from datetime import date, datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.repeats import MONTHLY_ON_DAY, Repeat, repeat_of
from conversa_calendar.domain.rules import BadRule
from conversa_calendar.domain.times import Day, Moment

MONDAY = date(2024, 1, 1)
"""Any Monday: weekdays are named after it."""


def day_in_words(day: date) -> str:
    return f"{date_format(day, 'D')}, {date_format(day, 'DATE_FORMAT')}"


def when_in_words(content: Content) -> str:
    """A span as people say it: “Tue, 1 December 2026 · 09:00–10:00 (America/Sao_Paulo)”."""
    if isinstance(content.start, Day) and isinstance(content.end, Day):
        last = content.end.date - timedelta(days=1)
        if last <= content.start.date:
            return day_in_words(content.start.date)
        return f"{day_in_words(content.start.date)} – {day_in_words(last)}"
    start, end = times.civil(content.start), times.civil(content.end)
    zone = "" if isinstance(content.start, Day) else content.start.zone
    if start.date() == end.date():
        return f"{day_in_words(start.date())} · {start:%H:%M}–{end:%H:%M} ({zone})"
    return f"{day_in_words(start.date())} {start:%H:%M} – {day_in_words(end.date())} {end:%H:%M} ({zone})"


def refusal_in_words(error: BadRule) -> str:
    """Why a recurrence cannot be, in the reader's language."""
    return _(error.says) % error.values if error.values else _(error.says)


def repeats_in_words(start: Moment, lines: tuple[str, ...]) -> str:
    """A series' rules as a sentence; rules that the editor cannot show are named as they are."""
    if not lines:
        return ""
    found = repeat_of(start, lines)
    if found is None:
        return _("By a rule of its own: %(rule)s") % {"rule": " ".join(lines)[:200]}
    words = _how_often(found, times.civil(start))
    if found.count:
        return _("%(words)s, %(count)d times") % {"words": words, "count": found.count}
    if found.until:
        return _("%(words)s, until %(day)s") % {"words": words, "day": date_format(found.until, "DATE_FORMAT")}
    return words


def next_starts(start: Moment, lines: tuple[str, ...], count: int = 4) -> list[datetime]:
    """The first civil starts of a series."""
    first = times.civil(start)
    return recurrence.civil_starts(start, lines, times.FIRST, first + timedelta(days=366 * 8))[:count]


def _how_often(found: Repeat, first: datetime) -> str:
    every = found.every
    if found.freq == "DAILY":
        return _("Every day") if every == 1 else _("Every %(n)d days") % {"n": every}
    if found.freq == "WEEKLY":
        words = _("Every week") if every == 1 else _("Every %(n)d weeks") % {"n": every}
        days = found.days or (first.weekday(),)
        if days == (0, 1, 2, 3, 4) and every == 1:
            return _("Every weekday")
        return _("%(words)s on %(days)s") % {"words": words, "days": _names(days)}
    if found.freq == "YEARLY":
        words = _("Every year") if every == 1 else _("Every %(n)d years") % {"n": every}
        return _("%(words)s on %(days)s") % {"words": words, "days": date_format(first, "MONTH_DAY_FORMAT")}
    words = _("Every month") if every == 1 else _("Every %(n)d months") % {"n": every}
    if found.monthly == MONTHLY_ON_DAY:
        return _("%(words)s on day %(n)d") % {"words": words, "n": first.day}
    return _("%(words)s on the %(place)s %(day)s") % {
        "words": words,
        "place": _place(found.monthly),
        "day": date_format(MONDAY + timedelta(days=first.weekday()), "l"),
    }


def _names(days: tuple[int, ...]) -> str:
    return ", ".join(date_format(MONDAY + timedelta(days=day), "l") for day in days)


def _place(number: int) -> str:
    return {1: _("first"), 2: _("second"), 3: _("third"), 4: _("fourth"), -1: _("last")}[number]
