"""Acts on mirrored calendars."""

from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts.acting import NotFound, Viewer, does
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import acts as calendars
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import discovery
from conversa_calendar.connections.models import Connection
from conversa_calendar.sync import checks
from conversa_calendar.sync.acts.rules import Act, connection_of, mirror_of, needs
from conversa_calendar.sync.mirrors import channels, held, publishing, selection
from conversa_calendar.sync.mirrors import unsent as waiting
from conversa_calendar.sync.models import DeepCheck, Mirror
from conversa_calendar.sync.run import jobs, triggers


@does(Act.CHOOSE, is_whole=False)
def choose(viewer: Viewer, connection: UUID | str, google_id: str, mode: str = "") -> Mirror:
    """Mirrors a calendar, or resumes it as it was; one that is not known is asked for first. Raises NotFound, NotAllowed,
    Invalid, ProviderError."""
    with tenant(viewer.account_id):
        found = connection_of(viewer, connection)
        needs(Act.CHOOSE, viewer, found)
        is_known = found.listed_at is not None and selection.is_known(found, google_id, mode)
    if not is_known:
        discovery.refresh(viewer.account_id, found.pk)
    with tenant(viewer.account_id):
        return selection.select(connection_of(viewer, connection), google_id, mode, viewer)


@does(Act.CHOOSE)
def select_all(viewer: Viewer, connection: UUID | str, chosen: dict[str, str]) -> list[Mirror]:
    """Mirrors calendars of one connection, {id: mode}, or none of them. Raises NotFound, NotAllowed, Invalid."""
    found = connection_of(viewer, connection)
    needs(Act.CHOOSE, viewer, found)
    return [selection.select(found, google_id, mode, viewer) for google_id, mode in chosen.items()]


@does(Act.DESELECT, is_whole=False)
def deselect(
    viewer: Viewer, uuid: UUID | str, disposition: str, *, unsent: str = "", is_sent: bool = True
) -> tuple[Mirror, dict[str, int]]:
    """Stops mirroring, once what waits is sent or somebody said to leave it; answers how many events stay, go, and hold an
    edit that was left. Raises NotFound, NotAllowed, Unsent, Invalid."""
    with tenant(viewer.account_id):
        mirror = _held(Act.DESELECT, viewer, uuid)
        selection.check_disposition(disposition)
    if is_sent:
        waiting.send_first(viewer.account_id, [mirror.pk], unsent)
    with tenant(viewer.account_id):
        mirror = _held(Act.DESELECT, viewer, uuid)
        return mirror, selection.deselect(mirror, disposition, viewer, unsent)


@does(Act.SET_MODE)
def set_mode(viewer: Viewer, uuid: UUID | str, mode: str) -> Mirror:
    """Mirrors both ways, read only, or as busy blocks. Raises NotFound, NotAllowed, Invalid."""
    mirror = _held(Act.SET_MODE, viewer, uuid)
    selection.set_mode(mirror, mode, viewer)
    return mirror


@does(Act.CONFIRM_ACCESS)
def confirm_access(viewer: Viewer, uuid: UUID | str) -> Mirror:
    """A person accepts that the provider shows less of a calendar than before. Raises NotFound, NotAllowed."""
    mirror = _held(Act.CONFIRM_ACCESS, viewer, uuid)
    row = mirror.connection.discovered.filter(remote_id=mirror.remote_id).first() if mirror.connection else None
    selection.confirm_access(mirror, row.access if row else "reader")
    return mirror


@does(Act.PAUSE)
def pause(viewer: Viewer, uuid: UUID | str) -> Mirror:
    """Rests a mirror; what is pending stays pending. Raises NotFound, NotAllowed."""
    mirror = _held(Act.PAUSE, viewer, uuid)
    selection.pause(mirror, is_paused=True)
    return mirror


@does(Act.RESUME)
def resume(viewer: Viewer, uuid: UUID | str) -> Mirror:
    """Lets a mirror go on. Raises NotFound, NotAllowed, Invalid."""
    mirror = _held(Act.RESUME, viewer, uuid)
    selection.pause(mirror, is_paused=False)
    return mirror


@does(Act.CHECK_NOW)
def check_now(viewer: Viewer, uuid: UUID | str) -> Mirror:
    """Asks the provider for changes now. Raises NotFound, NotAllowed."""
    mirror = _held(Act.CHECK_NOW, viewer, uuid)
    triggers.request_runs([mirror.pk], is_pull=True)
    return mirror


@does(Act.DEEP_CHECK, is_whole=False)
def deep_check(viewer: Viewer, uuid: UUID | str) -> DeepCheck | None:
    """Lists everything, compares, repairs, and answers the report; None when it cannot run. Raises NotFound, NotAllowed."""
    with tenant(viewer.account_id):
        mirror = _held(Act.DEEP_CHECK, viewer, uuid)
    return checks.deep_check(mirror.pk)


@does(Act.DEEP_CHECK)
def start_check(viewer: Viewer, uuid: UUID | str) -> None:
    """The same in its own time. Raises NotFound, NotAllowed."""
    jobs.enqueue_deep_check(_held(Act.DEEP_CHECK, viewer, uuid).pk)


@does(Act.WATCH_AGAIN)
def watch_again(viewer: Viewer, uuid: UUID | str) -> None:
    """Asks the provider once more to notify of changes. Raises NotFound, NotAllowed."""
    channels.retry_refused(_held(Act.WATCH_AGAIN, viewer, uuid))


@does(Act.DECIDE_HELD)
def decide_held(viewer: Viewer, uuid: UUID | str, action: str) -> int:
    """Approves the deletions that are held, keeps the events here, or puts them back; answers how many. Raises NotFound,
    NotAllowed, Invalid."""
    return held.decide(_held(Act.DECIDE_HELD, viewer, uuid), action, viewer.member)


@does(Act.PUBLISH, calendars.Act.PUBLISH_CALENDAR, is_whole=False)
def publish(viewer: Viewer, calendar: UUID | str, connection: UUID | str) -> Mirror:
    """Puts a native calendar into a new one at the provider, and mirrors both. Raises NotFound, NotAllowed, Invalid,
    ProviderError."""
    with tenant(viewer.account_id):
        found = calendars.checked_calendar(calendars.Act.PUBLISH_CALENDAR, viewer, calendar)
        needs(Act.PUBLISH, viewer)
        through = _usable(viewer, connection)
    return publishing.publish(viewer.account_id, str(found.uuid), str(through.uuid))


def _usable(viewer: Viewer, uuid: UUID | str) -> Connection:
    try:
        return connection_of(viewer, uuid)
    except NotFound:
        raise Invalid("connection", _("This Google account must be reconnected first.")) from None


def _held(act: Act, viewer: Viewer, uuid: UUID | str) -> Mirror:
    mirror = mirror_of(viewer, uuid)
    needs(act, viewer, mirror)
    return mirror
