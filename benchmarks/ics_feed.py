"""An .ics feed of 10,000 events: the whole file and the question whether it changed, beside the bare query of its rows."""

import statistics
from functools import partial
from typing import Any

from benchmarks.installation import seconds


def run(scene: dict[str, Any]) -> None:
    """Reads the feed of one of the calendars that the month feed filled."""
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.calendars.access import Viewer
    from conversa_calendar.calendars.models import Calendar, Event
    from conversa_calendar.formats import feeds, reading
    from conversa_calendar.kit import clock

    with tenant(scene["account"]):
        calendar = Calendar.objects.get(name="c1")
        _feed, secret = feeds.create(
            Viewer(scene["member"]), kind="calendar", target=str(calendar.uuid), details="details"
        )
        bare = statistics.median(seconds(partial(_rows, calendar.pk, clock.now() - reading.BACK)) for _ in range(5))
        count = Event.objects.filter(calendar=calendar).count()
    found = reading.read(secret)
    whole = statistics.median(seconds(partial(reading.read, secret)) for _ in range(5))
    again = statistics.median(seconds(partial(reading.read, secret, if_none_match=found.etag)) for _ in range(5))
    print(
        f"ics feed of {count:,} events ({len(found.text or '') / 1e6:.1f} MB): {whole:.2f} s, {whole / bare:.1f} × the bare "
        f"query (goal < 1 s for 10,000); unchanged {again * 1000:.0f} ms"
    )


def _rows(calendar_id: int, since: Any) -> list[Any]:
    from conversa_calendar.calendars.models import Event
    from conversa_calendar.formats.reading import Row

    rows = Event.objects.filter(calendar_id=calendar_id, deleted_at=None, ends_at__gte=since)
    return list(rows.values_list(*Row.__struct_fields__))
