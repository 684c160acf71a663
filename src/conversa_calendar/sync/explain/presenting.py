"""Connections and mirrors as the API and the pages show them (the stable interface)."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Event
from conversa_calendar.connections import tokens
from conversa_calendar.connections.models import Connection
from conversa_calendar.domain.vocabulary import ChannelState, Remedy, SyncState
from conversa_calendar.sync.explain import aside
from conversa_calendar.sync.mirrors import selection
from conversa_calendar.sync.models import DeepCheck, Link, Mirror, MirrorRun, PushChannel

SET_ASIDE_MAX = 50


def key_missing() -> str:
    """What is said wherever credentials cannot be opened."""
    return _(
        "The key under which this service keeps its access to Google is missing; its operator has to put it back. Sync "
        "waits, nothing is lost, and it goes on by itself."
    )


def connection(shown: Connection) -> dict[str, Any]:
    error = None
    if not shown.is_openable:
        error = {"code": tokens.KEY_MISSING, "message": key_missing(), "action": Remedy.TELL_OPERATOR}
    return {
        "id": str(shown.uuid),
        "provider": shown.provider,
        "email": shown.email,
        "owner": str(shown.owner.uuid) if shown.owner else None,
        "state": shown.state,
        "connected_at": shown.connected_at,
        "error": error,
    }


def in_language(text: str) -> str:
    """What a worker noted, in the reader's language where it is one of our sentences."""
    return _(text) if text else ""


def mirror(shown: Mirror) -> dict[str, Any]:
    run = MirrorRun.objects.filter(mirror_id=shown.pk).first()
    rows = Event.objects.filter(calendar_id=shown.calendar_id)
    links = Link.objects.filter(mirror=shown)
    error = None
    if shown.error_code:
        error = {"code": shown.error_code, "message": in_language(shown.error_message), "action": shown.error_action}
    if shown.connection is not None and shown.connection.is_resting:
        error = {"code": "owner_left", "message": selection.owner_left(shown.connection), "action": "disconnect"}
    return {
        "id": str(shown.uuid),
        "calendar": str(shown.calendar.uuid),
        "connection": str(shown.connection.uuid) if shown.connection else None,
        "provider": shown.provider,
        "google_calendar_id": shown.remote_id,
        "remote_calendar_id": shown.remote_id,
        "access": shown.access,
        "mode": shown.mode,
        "state": shown.state,
        "progress": {
            "events": shown.progress_events,
            "pages": shown.progress_pages,
            "done": shown.first_synced_at is not None,
        },
        "events": rows.filter(deleted_at=None).count(),
        "pending": {
            "out": rows.filter(is_unsettled=True).count(),
            "held": links.filter(is_held=True).count(),
            "parked": links.filter(is_dismissed=False).exclude(parked="").count()
            + rows.filter(sync_state=SyncState.PARKED).count(),
        },
        "set_aside": set_aside(shown),
        "last_sync_at": shown.last_sync_at,
        "next_check_at": run.next_check_at if run else None,
        "last_proven_equal_at": shown.last_proven_at,
        "channel": channel(shown),
        "error": error,
    }


def set_aside(shown: Mirror) -> list[dict[str, str]]:
    """Events of Google's that cannot be understood, by name and with the reason; those that only wait for their series
    are none."""
    rows = aside.unreadable(shown)[:SET_ASIDE_MAX]
    return [
        {
            "id": f"{aside.LINK}{row.pk}",
            "google_event_id": row.remote_id,
            "remote_id": row.remote_id,
            "summary": aside.title(row.raw),
            "reason": row.parked,
        }
        for row in rows
    ]


def channel(shown: Mirror) -> dict[str, Any]:
    """Whether Google notifies us of this calendar, and if not, why."""
    living = PushChannel.objects.filter(mirror_id=shown.pk, state=ChannelState.LIVE).order_by("-expires_at").first()
    if living is not None and living.silent_since is not None:
        return {"state": "silent", "expires_at": living.expires_at, "reason": "silent"}
    if living is not None:
        return {"state": "live", "expires_at": living.expires_at, "reason": ""}
    if shown.push_refused:
        return {"state": "refused", "expires_at": None, "reason": shown.push_refused}
    reason = "" if settings.PUBLIC_URL else _("This installation has no public address (PUBLIC_URL).")
    return {"state": "none", "expires_at": None, "reason": reason}


def differences(shown: DeepCheck, viewer: Viewer, most: int = 5) -> list[dict[str, str]]:
    """The first differences that a report names, with titles as far as the viewer may read them."""
    rows = shown.differences[:most]
    uuids = {row["event"] for row in rows if row["event"]}
    known = {str(event.uuid): event for event in Event.objects.filter(uuid__in=uuids).select_related("calendar")}
    levels, words = access.levels(viewer), _what_differs()
    found = []
    for row in rows:
        event = known.get(row["event"])
        level = levels.get(event.calendar_id, "busy") if event is not None else ""
        is_masked = event is None or access.is_masked(event, event.calendar, viewer, level)
        title = _("Busy") if is_masked or event is None else event.summary or _("(No title)")
        found.append({"summary": title, "occurrence": row["occurrence"], "what": words.get(row["what"], row["what"])})
    return found


def _what_differs() -> dict[str, str]:
    return {
        "missing here": _("only at Google"),
        "extra here": _("only here"),
        "another time": _("at another time at Google"),
    }


def report(shown: DeepCheck) -> dict[str, Any]:
    return {
        "checked": shown.checked,
        "equal": shown.equal,
        "repaired": shown.repaired,
        "waiting": shown.waiting,
        "refused": shown.refused,
        "occurrences": shown.compared,
        "compared_until": shown.compared_until,
        "differing": shown.differing,
        "differences": shown.differences,
    }
