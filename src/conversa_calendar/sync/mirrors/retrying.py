"""“Try again” of an event that Google did not take: it is really tried at once, and what came of it is said."""

from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import NOT_TAKEN, Event
from conversa_calendar.domain.event import changed_units
from conversa_calendar.kit import clock
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import Link, Mirror, MirrorRun
from conversa_calendar.sync.run import triggers

WAIT_S = 10.0
"""So long a person waits for what becomes of it."""
LOOKS_S = 0.3


def read_again(event: Event) -> bool:
    """Whether it is Google's version that could not be read here: everything is listed once more then, as nothing else
    shows it again. Within the caller's transaction."""
    link = Link.objects.filter(event=event, tombstoned_at=None).exclude(raw="").select_related("mirror").first()
    base = linking.base_of(link) if link is not None else None
    if link is None or base is None or link.digest != "" or changed_units(base, event.content):
        return False
    Mirror.objects.filter(pk=link.mirror_id).exclude(listing="near").update(cursor="", listing="", page="")
    triggers.request_runs([link.mirror_id], is_pull=True)
    return True


def wait(account_id: int, event: Event, wait_s: float = WAIT_S) -> None:
    """Until it is known what became of the new attempt, or the time is up. Outside of any transaction."""
    with tenant(account_id):
        runs = MirrorRun.objects.filter(mirror_uuid__in=Mirror.objects.filter(calendar=event.calendar).values("uuid"))
        wanted = {run.mirror_id: run.wanted for run in runs if run.is_active}
    ends_at = clock.steady_s() + wait_s
    while wanted and clock.steady_s() < ends_at:
        with tenant(account_id):
            is_open = Event.objects.filter(pk=event.pk, is_unsettled=True).exists()
        late = [run for run in MirrorRun.objects.filter(mirror_id__in=wanted) if run.done < wanted[run.mirror_id]]
        if not is_open and not late:
            return
        clock.sleep(LOOKS_S)


def outcome(event: Event) -> str:
    """What became of it, in a sentence."""
    state, message = event.told
    if state in NOT_TAKEN:
        return _("Tried again. %(message)s") % {"message": _(message)} if message else _("Google refused it again.")
    if state == "synced":
        return _("Google has taken it: both sides are the same now.")
    return _("It is on its way; Google has not answered yet.")
