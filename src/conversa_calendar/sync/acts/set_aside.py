"""Acts on what sync set aside: tried once more, or put out of sight."""

from conversa_calendar.accounts.acting import NotFound, Viewer, does
from conversa_calendar.calendars import acts as calendars
from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import Event
from conversa_calendar.sync.acts.rules import Act, is_seen, needs
from conversa_calendar.sync.explain import aside
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run import triggers


@does(Act.RETRY_SET_ASIDE)
def retry(viewer: Viewer, key: str) -> None:
    """Reads an event of the provider's once more, or sends one of ours again. Raises NotFound, NotAllowed, Invalid."""
    found = _found(viewer, key, Act.RETRY_SET_ASIDE)
    if isinstance(found, Event):
        calendars.retry(viewer, found.uuid)
        return
    Link.objects.filter(pk=found.pk).update(digest="", is_dismissed=False)
    # everything is listed once more, as nothing else shows it again
    Mirror.objects.filter(pk=found.mirror_id).exclude(listing="near").update(cursor="", listing="", page="")
    triggers.request_runs([found.mirror_id], is_pull=True)


@does(Act.DISMISS_SET_ASIDE)
def dismiss(viewer: Viewer, key: str) -> None:
    """Puts an event of the provider's that cannot be read out of sight; it stays as it is there. Raises NotFound,
    NotAllowed."""
    found = _found(viewer, key, Act.DISMISS_SET_ASIDE)
    if isinstance(found, Event):
        raise NotFound
    Link.objects.filter(pk=found.pk).update(is_dismissed=True)
    history.refresh_pages("connections")


def _found(viewer: Viewer, key: str, act: Act) -> Event | Link:
    """What stands under a key of `aside`, where the viewer sees its mirror."""
    found = aside.by_key(key)
    if found is None or not is_seen(viewer, found[1]):
        raise NotFound
    needs(act, viewer, found[1])
    return found[0]
