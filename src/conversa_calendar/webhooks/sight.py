"""What a reader of the feed sees belongs to where they stand in it: when it has changed since, they are told.

A calendar that was assigned, taken back, deleted, limited, or whose level changed comes and goes for each reader
otherwise, for reasons that stand in many tables. So nothing of it is written down when it happens: the cursor names what
its reader saw, and the next reading compares.
"""

from datetime import timedelta

import msgspec

from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import access, changes
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.kit import clock, ids
from conversa_calendar.webhooks.models import Sight

REFRESHED_AFTER = timedelta(days=1)


class Seen(msgspec.Struct, frozen=True):
    """The calendars that somebody sees, by outside id, each with its level."""

    levels: dict[str, str]
    sees_private: bool

    @property
    def name(self) -> str:
        return ids.fingerprint(msgspec.json.encode([sorted(self.levels.items()), self.sees_private]).decode())[:32]


def of(viewer: Viewer) -> Seen:
    """What a viewer sees now."""
    found = access.levels(viewer)
    rows = Calendar.objects.filter(pk__in=found).values_list("pk", "uuid")
    return Seen({str(uuid): found[pk] for pk, uuid in rows}, viewer.sees_private)


def keep(seen: Seen) -> str:
    """The name under which a cursor refers to it."""
    now = clock.now()
    known = Sight.objects.filter(name=seen.name).first()
    if known is None:
        row = Sight(account_id=current_account(), name=seen.name, seen=msgspec.to_builtins(seen), used_at=now)
        Sight.objects.bulk_create([row], ignore_conflicts=True)
    elif known.used_at < now - REFRESHED_AFTER:
        Sight.objects.filter(pk=known.pk).update(used_at=now)
    return seen.name


def former(name: str) -> Seen | None:
    """What stands behind a name in a cursor; None for one without. Raises CursorExpired when nobody knows any more."""
    if not name:
        return None
    known = Sight.objects.filter(name=name).first()
    if known is None:
        raise changes.CursorExpired
    return msgspec.convert(known.seen, Seen)


def differences(was: Seen | None, now: Seen) -> dict[str, str]:
    """What became of each calendar for this reader, by outside id: "created", "deleted", or "updated" where more or less
    is to be read in it."""
    if was is None or was == now:
        return {}
    found = {uuid: "deleted" for uuid in was.levels if uuid not in now.levels}
    for uuid, level in now.levels.items():
        if uuid not in was.levels:
            found[uuid] = "created"
        elif level != was.levels[uuid] or was.sees_private != now.sees_private:
            found[uuid] = "updated"
    return found


def forget_old() -> None:
    """Drops what no cursor that still works refers to."""
    Sight.objects.filter(used_at__lt=clock.now() - changes.KEPT).delete()
