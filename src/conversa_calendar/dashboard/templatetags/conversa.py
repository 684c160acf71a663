"""Template tags: built assets, inlined icons, states in words."""

import json
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from conversa_calendar.accounts.acting import By
from conversa_calendar.calendars import schema
from conversa_calendar.calendars.links import web_address
from conversa_calendar.dashboard import differences, settings_fields

register = template.Library()

GOOD, BUSY, BAD = "state-good", "state-busy", "state-bad"


@register.simple_tag
def assets(entry: str) -> SafeString:
    """The script and style elements of one entry of the bundle."""
    manifest = _manifest()
    chunk = manifest.get(entry)
    if chunk is None:
        return mark_safe("<!-- the frontend is not built: run `make frontend` -->")
    sheets = [*chunk.get("css", []), *(s for name in chunk.get("imports", []) for s in manifest[name].get("css", []))]
    links = format_html_join("", '<link rel="stylesheet" href="/static/dist/{}">', ((sheet,) for sheet in sheets))
    return format_html('{}<script type="module" src="/static/dist/{}"></script>', links, chunk["file"])


@register.simple_tag
def styles(entry: str) -> SafeString:
    """Only the styles of one entry, for pages that work without script."""
    chunk = _manifest().get(entry) or {}
    return format_html_join("", '<link rel="stylesheet" href="/static/dist/{}">', ((s,) for s in chunk.get("css", [])))


@register.simple_tag
def script(entry: str) -> SafeString:
    """Only the script of one entry."""
    chunk = _manifest().get(entry)
    return (
        format_html('<script type="module" src="/static/dist/{}"></script>', chunk["file"]) if chunk else SafeString()
    )


@register.filter
def member_words(member: Any) -> str:
    """Why a member is not simply there."""
    words = {
        "suspended": _("suspended"),
        "invited": _("invited, has not answered yet"),
        "vouched": _("added by your platform, has not signed in yet"),
        "declined": _("declined the invitation"),
        "expired": _("the invitation ran out or was withdrawn"),
    }
    return words.get(member.state, "")


@register.simple_tag
def icon(name: str) -> SafeString:
    """One icon of the set, inlined as SVG; decorative, the words beside it speak."""
    return mark_safe(_icon(name))  # our own build's files


@register.simple_tag(takes_context=True)
def querystring_with(context: Any, name: str, value: Any) -> str:
    """The page's query with one value changed, so that what was chosen stays chosen."""
    query = context["request"].GET.copy()
    query[name] = str(value)
    return str(query.urlencode())


@register.filter
def level_words(level: str) -> str:
    return {"busy": _("busy only"), "details": _("details"), "edit": _("edit")}.get(level, level)


@register.filter
def role_words(name: str) -> str:
    """A built-in role's name in words; custom roles are named by people."""
    return {"administrator": _("Administrator"), "agent": _("Agent")}.get(name, name)


@register.filter
def state_words(state: str) -> str:
    return {
        "active": _("Connected"),
        "empty": _("Choose calendars"),
        "first_sync": _("First sync"),
        "live": _("Live"),
        "polling": _("Checked regularly"),
        "paused": _("Paused"),
        "sealed": _("Key missing"),
        "held": _("Needs your decision"),
        "access_reduced": _("Less access than before"),
        "unavailable": _("Not available at Google"),
        "reconnect_needed": _("Reconnect needed"),
        "disconnecting": _("Disconnecting"),
    }.get(state, state)


@register.filter
def state_class(state: str) -> str:
    if state in {"live", "active"}:
        return GOOD
    return BUSY if state in {"first_sync", "polling", "paused", "empty"} else BAD


@register.filter
def access_words(access: str) -> str:
    return {
        "owner": _("owner"),
        "writer": _("writer"),
        "writerWithoutPrivateAccess": _("writer, without private events"),
        "reader": _("reader"),
        "freeBusyReader": _("free/busy only"),
    }.get(access, access)


@register.filter
def mode_words(mode: str) -> str:
    return {"two_way": _("Two-way"), "read_only": _("Read only"), "busy_only": _("Busy only")}.get(mode, mode)


@register.filter
def sync_words(state: str) -> str:
    return {
        "native": _("only here"),
        "synced": _("the same at Google"),
        "pending": _("on its way to Google"),
        "held": _("held until somebody decides"),
        "parked": _("Google does not accept it"),
        "refused": _("refused"),
        "paused": _("paused"),
    }.get(state, state)


@register.simple_tag
def shown(form: str, thing: Any) -> SafeString:
    """The hidden field with which a form of the settings carries what it showed."""
    found = differences.carried(settings_fields.FORMS[form](thing))
    return format_html('<input type="hidden" name="shown" value="{}">', found)


@register.filter
def who_words(entry: Any) -> str:
    """Who did what an entry of a history tells, for whoever may read it."""
    name, actor = entry.done_by_name, str(entry.actor) if entry.actor else _("here")
    return {
        By.GOOGLE: _("at Google"),
        By.SYNC: _("by sync"),
        By.VISITOR: _("%(name)s, as a visitor") % {"name": name or _("somebody")},
        By.GUEST: _("%(name)s, as a guest") % {"name": name or _("somebody")},
        By.TOKEN: _("%(member)s, through “%(name)s”") % {"member": actor, "name": name},
    }.get(entry.done_by, actor)


@register.filter
def who_kind(entry: Any) -> str:
    """The same without a name, for an entry that is not for its reader."""
    kinds = {By.GOOGLE: _("at Google"), By.SYNC: _("by sync"), By.VISITOR: _("a visitor"), By.GUEST: _("a guest")}
    return kinds.get(entry.done_by, str(entry.actor) if entry.actor else _("here"))


@register.filter
def import_words(state: str) -> str:
    """How far a file is that somebody brings in."""
    return {
        "rehearsed": _("not brought in yet"),
        "running": _("being brought in"),
        "done": _("brought in"),
        "undoing": _("being undone"),
        "undone": _("undone"),
    }.get(state, state)


@register.filter
def cause_words(cause: str) -> str:
    """What happened to an event, as its history records it."""
    return {
        "created": _("Created"),
        "imported": _("Brought in from a file"),
        "edited": _("Changed"),
        "deleted": _("Deleted"),
        "restored": _("Restored"),
        "moved": _("Moved to another calendar"),
        "answered": _("Answered"),
        "cut": _("Series ended here"),
        "not at Google": _("Does not reach Google"),
        "shortened": _("Shortened by Google"),
        "continued": _("Series continued"),
        "carried over": _("Carried over to the changed series"),
        "joined its series": _("Became part of its series"),
        "no longer fits": _("No longer fits the changed series"),
        "not sent": _("Was not sent to Google when its calendar was left"),
        "occurrence cancelled": _("Occurrence cancelled"),
        "refused": _("Refused by Google"),
        "parked": _("Not accepted by Google"),
        "booked": _("Booked by a visitor"),
        "rescheduled": _("Booking moved"),
        "link asked": _("Meeting link asked for again"),
        "guests added": _("Guests added"),
        "put back": _("Put back"),
        "references": _("What it is about was changed"),
        "held: approve": _("Deletion approved"),
        "held: keep": _("Kept here"),
        "held: put_back": _("Put back"),
    }.get(cause, cause)


@register.filter
def unit_words(unit: str) -> str:
    """A unit of an event's content in words."""
    return schema.unit_words(unit)


@register.filter
def push_words(reason: str) -> str:
    if reason == "pushNotSupportedForRequestedResource":
        return _("Google sends no notices for it")
    if reason == "silent":
        return _("Google's notifications do not arrive just now")
    if reason.startswith("push."):
        return _("Google refuses this installation's address")
    return reason


@register.filter
def web_link(address: str) -> str:
    """An address that strangers wrote, where it may be followed; else nothing."""
    return web_address(address)


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    return mapping.get(key)


@lru_cache(maxsize=1)
def _kept_manifest() -> dict[str, Any]:
    path = settings.FRONTEND_DIST / "manifest.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _manifest() -> dict[str, Any]:
    if settings.DEBUG:
        _kept_manifest.cache_clear()
    return _kept_manifest()


@lru_cache(maxsize=200)
def _icon(name: str) -> str:
    path = settings.FRONTEND_DIST / "icons" / f"{name}.svg"
    if not path.exists():
        return ""
    text = path.read_text()
    return '<svg class="icon" aria-hidden="true" ' + text[text.index("<svg") + 4 :].replace(
        f'class="lucide lucide-{name}"', ""
    )
