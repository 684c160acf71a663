"""Every act on connections, mirrors and what was set aside, and what it needs: one table."""

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts.acting import NotAllowed, NotFound, Refusal, Viewer
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.connections.models import Connection
from conversa_calendar.sync.models import Mirror


class Act(StrEnum):
    """What can be done with connected accounts and mirrored calendars."""

    CONNECT = "connect"
    """Let a member connect their own account."""
    INVITE_TO_CONNECT = "invite_to_connect"
    ASK_TO_CONNECT = "ask_to_connect"
    """Ask those who may connect calendars to do so."""
    REREAD = "reread"
    """Read the provider's list of calendars again."""
    CHOOSE = "choose"
    """Mirror a calendar."""
    DESELECT = "deselect"
    SET_MODE = "set_mode"
    CONFIRM_ACCESS = "confirm_access"
    PAUSE = "pause"
    RESUME = "resume"
    CHECK_NOW = "check_now"
    DEEP_CHECK = "deep_check"
    WATCH_AGAIN = "watch_again"
    DECIDE_HELD = "decide_held"
    PUBLISH = "publish"
    """Put a native calendar into a new one at the provider; the calendar has to allow PUBLISH_CALENDAR."""
    DISCONNECT = "disconnect"
    RETRY_SET_ASIDE = "retry_set_aside"
    DISMISS_SET_ASIDE = "dismiss_set_aside"


About = Connection | Mirror | None


def authorise(act: Act, viewer: Viewer, about: About = None) -> Refusal | None:
    """Whether a viewer may do something with a connection or a mirror that they see; None when they may."""
    for check in NEEDS[act]:
        if (found := check(viewer, about)) is not None:
            return found
    return None


def needs(act: Act, viewer: Viewer, about: About = None) -> None:
    """Raises NotAllowed unless the viewer may do that."""
    if (refused := authorise(act, viewer, about)) is not None:
        raise NotAllowed(refused)


def connection_of(viewer: Viewer, uuid: UUID | str) -> Connection:
    """A connection that the viewer manages, or owns. Raises NotFound."""
    found = Connection.objects.select_related("owner__user").filter(uuid=_uuid(uuid)).first()
    if found is None or not (_is_manager(viewer) or found.owner_id == viewer.member.pk):
        raise NotFound
    return found


def mirror_of(viewer: Viewer, uuid: UUID | str) -> Mirror:
    """A mirror that the viewer manages, or whose connection they own, of a calendar that they reach. Raises NotFound."""
    rows = Mirror.objects.select_related("calendar", "connection__owner__user")
    found = rows.filter(uuid=_uuid(uuid)).first()
    if found is None or not is_seen(viewer, found):
        raise NotFound
    return found


def is_seen(viewer: Viewer, mirror: Mirror) -> bool:
    """Whether a viewer may know of a mirror's state."""
    is_reached = viewer.only_calendars is None or str(mirror.calendar.uuid) in viewer.only_calendars
    return is_reached and (_is_manager(viewer) or _owner_id(mirror) == viewer.member.pk)


def _is_manager(viewer: Viewer) -> bool:
    return viewer.member.may(Permission.INTEGRATIONS)


def _owner_id(about: About) -> int | None:
    connection = about.connection if isinstance(about, Mirror) else about
    return connection.owner_id if connection is not None else None


def _uuid(text: UUID | str) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise NotFound from None


def _scope(viewer: Viewer, about: About) -> Refusal | None:
    if viewer.token is None or viewer.token.allows(Permission.INTEGRATIONS):
        return None
    return Refusal("scope_missing", _("This token lacks the scope %(scope)s.") % {"scope": Permission.INTEGRATIONS})


def _manages(viewer: Viewer, about: About) -> Refusal | None:
    if _is_manager(viewer):
        return None
    return Refusal("forbidden", _("Only who connects and disconnects outside calendars can do that."))


def _manages_or_owns(viewer: Viewer, about: About) -> Refusal | None:
    """Whoever was invited to connect their own account chooses its calendars, and decides what becomes of their events."""
    return None if _owner_id(about) == viewer.member.pk else _manages(viewer, about)


def _whole(viewer: Viewer, about: About) -> Refusal | None:
    if not viewer.is_limited:
        return None
    return Refusal("token_limited", _("This token reaches some calendars only, and this needs more than those."))


Check = Callable[[Viewer, About], Refusal | None]
_MIRROR: tuple[Check, ...] = (_scope, _manages)
_CONNECTION: tuple[Check, ...] = (_scope, _manages, _whole)
NEEDS: dict[Act, tuple[Check, ...]] = {
    Act.CONNECT: _CONNECTION,
    Act.INVITE_TO_CONNECT: _CONNECTION,
    Act.ASK_TO_CONNECT: (_whole,),
    Act.REREAD: (_scope, _manages_or_owns, _whole),
    Act.CHOOSE: (_scope, _manages_or_owns, _whole),
    Act.DESELECT: _CONNECTION,
    Act.SET_MODE: _MIRROR,
    Act.CONFIRM_ACCESS: _MIRROR,
    Act.PAUSE: _MIRROR,
    Act.RESUME: _MIRROR,
    Act.CHECK_NOW: _MIRROR,
    Act.DEEP_CHECK: _MIRROR,
    Act.WATCH_AGAIN: _MIRROR,
    Act.DECIDE_HELD: (_scope, _manages_or_owns),
    Act.PUBLISH: _CONNECTION,
    Act.DISCONNECT: _CONNECTION,
    Act.RETRY_SET_ASIDE: (_scope, _manages_or_owns),
    Act.DISMISS_SET_ASIDE: (_scope, _manages_or_owns),
}
"""What each act needs, in the order in which a refusal is said."""
