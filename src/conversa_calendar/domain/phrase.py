"""Reading a typed sentence as an event: “Call Bruno tomorrow 15:00-15:45”, “Almoço sexta 12h com ana@acme.example”.

English, Portuguese and Spanish share one vocabulary, so that nobody has to say which they type. What is not a day, a
time, a length or an address is the title. Pure: the caller brings the civil time it is now.
"""

import re
from datetime import date, datetime, timedelta

import msgspec

HOUR = timedelta(hours=1)
YEARS_MAX = 50
"""Years farther away than this are numbers, not dates."""
SENTENCE_MAX = 1000
"""What is longer is no sentence; the patterns below are not made for it."""


class Phrase(msgspec.Struct, frozen=True):
    """Civil start and end (exclusive; midnights for all-day ones), the title, and the addresses that were named."""

    summary: str
    start: datetime
    end: datetime
    is_all_day: bool = False
    guests: tuple[str, ...] = ()


_DAYS = (
    ("monday", "segunda-feira", "segunda", "lunes"),
    ("tuesday", "terça-feira", "terca-feira", "terça", "martes"),
    ("wednesday", "quarta-feira", "quarta", "miércoles", "miercoles"),
    ("thursday", "quinta-feira", "quinta", "jueves"),
    ("friday", "sexta-feira", "sexta", "viernes"),
    ("saturday", "sábado", "sabado"),
    ("sunday", "domingo"),
)
_MONTHS = (
    ("january", "janeiro", "enero", "jan"),
    ("february", "fevereiro", "febrero", "feb", "fev"),
    ("march", "março", "marco", "marzo", "mar"),
    ("april", "abril", "apr", "abr"),
    ("may", "maio", "mayo", "mai"),
    ("june", "junho", "junio", "jun"),
    ("july", "julho", "julio", "jul"),
    ("august", "agosto", "aug", "ago"),
    ("september", "setembro", "septiembre", "sep", "sept", "set"),
    ("october", "outubro", "octubre", "oct", "out"),
    ("november", "novembro", "noviembre", "nov"),
    ("december", "dezembro", "diciembre", "dec", "dez", "dic"),
)
_DAY_OF = {name: number for number, names in enumerate(_DAYS) for name in names}
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_AHEAD = (
    (2, r"the day after tomorrow|day after tomorrow|depois de amanhã|depois de amanha|pasado mañana|pasado manana"),
    (1, r"tomorrow|amanhã|amanha|mañana|manana"),
    (0, r"today|hoje|hoy"),
)


def _any(words: dict[str, int]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_TIME = r"(?:noon|midday|meio-dia|mediodía|midnight|meia-noite|\d{1,2}(?::\d{2}|h\d{2}|h)?(?:\s*[ap]\.?m\b\.?)?)"
_CLEAR = r"(?:noon|midday|meio-dia|mediodía|midnight|meia-noite|\d{1,2}(?::\d{2}|h\d{2}|h\b)(?:\s*[ap]\.?m\b\.?)?|\d{1,2}\s*[ap]\.?m\b\.?)"
"""A time that can be nothing else, unlike a bare number."""
_AT = r"(?:at|@|às|as|a las|a la|kl)"
_RANGES = (
    re.compile(rf"\b(?:from|between|das|entre|de las|desde las|de|desde)\s+({_TIME})\s*(?:-|–|to|and|until|till|até|às|as|a las|a|e|y|hasta las|hasta)\s*({_TIME})(?![\w:])", re.I),
    re.compile(rf"(?<![\w:.-])(?:{_AT}\s+)?({_CLEAR})\s*(?:-|–|to|until|till|até|às|a las|hasta las|hasta)\s*({_TIME})(?![\w:])", re.I),
    re.compile(rf"(?<![\w:.-])(?:{_AT}\s+)?({_TIME})\s*(?:-|–)\s*({_CLEAR})(?![\w:])", re.I),
)  # fmt: skip
_SINGLE = (
    re.compile(rf"(?<![\w:.-])(?:{_AT}\s+)?({_CLEAR})(?![\w:])", re.I),
    re.compile(r"\b(?:at|às|a las|a la)\s+(\d{1,2})(?![\w:])", re.I),
)
_LENGTH = re.compile(
    r"\b(?:for|por|durante)\s+(?:(\d{1,3})\s*(?:minutes?|minutos?|mins?|m)\b|(\d{1,2}(?:[.,]\d)?)\s*(?:hours?|horas?|hrs?|h)(\d{2})?\b)",
    re.I,
)
_ALL_DAY = re.compile(r"\b(?:all day|all-day|o dia todo|dia inteiro|o dia inteiro|todo el día|todo el dia)\b", re.I)
_GUEST = re.compile(r"(?:\b(?:with|com|con|and|e|y)\s+)?([^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>]+)[,;]?", re.I)
_ON = r"(?:on\s+|next\s+|this\s+|na\s+|no\s+|em\s+|el\s+|la\s+|próxim[ao]\s+|este\s+|esta\s+|próxim[ao]s?\s+)*"
_WEEKDAY = re.compile(rf"\b{_ON}({_any(_DAY_OF)})(?:\s+que\s+vem|\s+que\s+viene)?\b", re.I)
_ISO = re.compile(rf"\b{_ON}(\d{{4}})-(\d{{2}})-(\d{{2}})\b", re.I)
_SLASHED = re.compile(rf"(?<![\w/]){_ON}(?:dia\s+|día\s+)?(\d{{1,2}})/(\d{{1,2}})(?:/(\d{{4}}))?(?![\w/])", re.I)
_DAY_MONTH = re.compile(
    rf"\b{_ON}(\d{{1,2}})(?:st|nd|rd|th|º)?\s+(?:de\s+|of\s+)?({_any(_MONTH_OF)})\b(?:\s+(?:de\s+)?(\d{{4}}))?", re.I
)
_MONTH_DAY = re.compile(rf"\b{_ON}({_any(_MONTH_OF)})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}}))?", re.I)
_IN_DAYS = re.compile(r"\b(?:in|em|en)\s+(\d{1,3})\s+(days?|dias?|días?|weeks?|semanas?)\b", re.I)


def read(text: str, now: datetime) -> Phrase:
    """The event that a sentence describes, seen from `now` (naive civil). Without a day the next such time is meant;
    without a time, a named day is taken whole, and nothing at all means the next full hour."""
    rest, guests = _taken_all(text.strip()[:SENTENCE_MAX], _GUEST)
    rest, whole = _taken(rest, _ALL_DAY)
    rest, length = _length(rest)
    rest, day = _day(rest, now.date())
    rest, begin, end = _times(rest)
    summary = _tidy(rest)
    if whole or (day is not None and begin is None):
        at = datetime.combine(day or now.date(), datetime.min.time())
        return Phrase(summary, at, at + timedelta(days=1), True, guests)
    if begin is None:
        start = (now + HOUR).replace(minute=0, second=0, microsecond=0)
        return Phrase(summary, start, start + (length or HOUR), False, guests)
    start = datetime.combine(day or now.date(), datetime.min.time()) + begin
    if day is None and start <= now:
        start += timedelta(days=1)
    if end is None:
        return Phrase(summary, start, start + (length or HOUR), False, guests)
    stop = start - begin + end
    return Phrase(summary, start, stop if stop > start else stop + timedelta(days=1), False, guests)


def _times(text: str) -> tuple[str, timedelta | None, timedelta | None]:
    for pattern in _RANGES:
        for found in pattern.finditer(text):
            begin, end = _time(found[1]), _time(found[2])
            if begin is None or end is None:
                continue
            if _is_pm(found[2]) and not _is_marked(found[1]) and begin + 12 * HOUR < end:
                begin += 12 * HOUR  # “3-4 pm”
            return _without(text, found), begin, end
    for pattern in _SINGLE:
        for found in pattern.finditer(text):
            begin = _time(found[1])
            if begin is not None:
                return _without(text, found), begin, None
    return text, None, None


def _time(text: str) -> timedelta | None:
    lower = text.lower()
    if lower in {"noon", "midday", "meio-dia", "mediodía"}:
        return 12 * HOUR
    if lower in {"midnight", "meia-noite"}:
        return timedelta()
    numbers = [int(part) for part in re.findall(r"\d+", lower)]
    hour, minute = numbers[0], numbers[1] if len(numbers) > 1 else 0
    if _is_marked(lower):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if _is_pm(lower) else 0)
    return timedelta(hours=hour, minutes=minute) if hour < 24 and minute < 60 else None


def _is_marked(text: str) -> bool:
    return bool(re.search(r"[ap]\.?m", text, re.I))


def _is_pm(text: str) -> bool:
    return bool(re.search(r"p\.?m", text, re.I))


def _day(text: str, today: date) -> tuple[str, date | None]:
    for days, words in _AHEAD:
        if found := re.search(rf"\b(?:{words})\b", text, re.I):
            return _without(text, found), today + timedelta(days=days)
    if found := _IN_DAYS.search(text):
        step = 7 if found[2].lower().startswith(("week", "semana")) else 1
        return _without(text, found), today + timedelta(days=int(found[1]) * step)
    for pattern, order in ((_ISO, (1, 2, 3)), (_SLASHED, (3, 2, 1)), (_DAY_MONTH, (3, 2, 1)), (_MONTH_DAY, (3, 1, 2))):
        if found := pattern.search(text):
            day = _date(*(found[part] for part in order), today=today)
            if day is not None:
                return _without(text, found), day
    if found := _WEEKDAY.search(text):
        ahead = (_DAY_OF[found[1].lower()] - today.weekday() - 1) % 7 + 1
        return _without(text, found), today + timedelta(days=ahead)
    return text, None


def _date(year: str | None, month: str, day: str, *, today: date) -> date | None:
    """A day of the calendar; without a year the next one that comes."""
    number = _MONTH_OF.get(month.lower()) or (int(month) if month.isdecimal() else 0)
    try:
        found = date(int(year) if year else today.year, number, int(day))
        if abs(found.year - today.year) > YEARS_MAX:
            return None
        return found if year or found >= today else found.replace(year=today.year + 1)
    except ValueError:
        return None


def _length(text: str) -> tuple[str, timedelta | None]:
    found = _LENGTH.search(text)
    if found is None:
        return text, None
    minutes = int(found[1]) if found[1] else round(float(found[2].replace(",", ".")) * 60) + int(found[3] or 0)
    return (_without(text, found), timedelta(minutes=minutes)) if minutes else (text, None)


def _taken(text: str, pattern: re.Pattern[str]) -> tuple[str, bool]:
    found = pattern.search(text)
    return (_without(text, found), True) if found else (text, False)


def _taken_all(text: str, pattern: re.Pattern[str]) -> tuple[str, tuple[str, ...]]:
    found = tuple(dict.fromkeys(match[1].lower() for match in pattern.finditer(text)))
    return pattern.sub(" ", text), found


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"


def _tidy(text: str) -> str:
    """The title: what is left, without the words that led to what was taken out."""
    words = re.sub(r"\s+", " ", text).strip(" ,;–-")
    return re.sub(r"\s+(?:on|at|from|em|no|na|das|às|el|de|a las|with|com|con)$", "", words, flags=re.I).strip(" ,;–-")
