"""What somebody changed in a form: the difference between what it showed and what came back.

A form carries what it showed. Only what the person changed is read, checked and stored; what others changed meanwhile
stays theirs. A question is asked only where both changed the same thing. (`form_changes` is its like for events.)
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _

from conversa_calendar.calendars.validation import Invalid

Fields = Mapping[str, list[str]]
"""A form as a browser sends it back untouched."""
CARRIER = "shown"
NOT_OURS = {CARRIER, "csrfmiddlewaretoken"}


class Clash(msgspec.Struct, frozen=True):
    """A field that both changed: what it is now, and what this person wants."""

    name: str
    now: list[str]
    mine: list[str]


class BothChanged(Exception):
    """Somebody else changed the same fields meanwhile."""

    def __init__(self, clashes: list[Clash], now: Fields) -> None:
        super().__init__(_("Somebody else changed the same thing meanwhile."))
        self.clashes, self.now = clashes, now


class Merged(msgspec.Struct, frozen=True):
    """The form with what others changed meanwhile, and the names that this person changed."""

    form: QueryDict
    touched: frozenset[str]


def carried(fields: Fields) -> str:
    """What a form shows, as it is carried in a hidden field of it."""
    return msgspec.json.encode(dict(fields)).decode()


def merge(form: QueryDict, now: Fields, *, sets: Iterable[str] = ()) -> Merged:
    """What came back upon what stands now; of the `sets`, of which each value is ticked or not, one by one. Everything that
    is there counts as changed when it comes from no form of ours. Raises BothChanged, Invalid."""
    if CARRIER not in form:
        return Merged(form, frozenset(form) - NOT_OURS)
    before = _shown(form)
    found, touched, clashes = QueryDict(mutable=True), set(), []
    for name, stands in now.items():
        was, mine = before.get(name, []), form.getlist(name)
        if _plain(was) == _plain(mine):
            found.setlist(name, stands)
            continue
        touched.add(name)
        if name in sets:
            kept = [value for value in stands if value in mine or value not in was]
            found.setlist(name, [*kept, *(value for value in mine if value not in was and value not in kept)])
            continue
        if _plain(stands) not in (_plain(was), _plain(mine)):
            clashes.append(Clash(name, stands, mine))
        found.setlist(name, mine)
    if clashes:
        raise BothChanged(clashes, now)
    return Merged(found, frozenset(touched))


def ask(
    request: HttpRequest, error: BothChanged, back: str, label: Callable[[str], str], words: Mapping[str, str] = {}
) -> HttpResponse:
    """The question: what is it now, what would be saved. `label` names a field, `words` says values in words."""
    rows = [(label(one.name), _said(one.now, words), _said(one.mine, words)) for one in error.clashes]
    kept = [(name, values) for name, values in request.POST.lists() if name not in NOT_OURS]
    context = {"rows": rows, "fields": kept, "shown": carried(_known(request.POST, error)), "back": back}
    return render(request, "dashboard/both_changed.html", context, status=409)


def _known(form: QueryDict, error: BothChanged) -> Fields:
    """What the person has seen now: the form, and of what clashed how it stands."""
    return _shown(form) | {one.name: one.now for one in error.clashes}


def _shown(form: QueryDict) -> dict[str, list[str]]:
    try:
        return msgspec.json.decode(form.get(CARRIER, "") or "", type=dict[str, list[str]])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Invalid(CARRIER, _("This form came back without what it showed. Open it again.")) from None


def _plain(values: list[str]) -> list[str]:
    return [value.replace("\r\n", "\n").replace("\r", "\n").strip() for value in values]


def _said(values: list[str], words: Mapping[str, str]) -> str:
    if values == ["on"]:
        return _("yes")
    return ", ".join(words.get(value, value) for value in values if value) or _("nothing")
