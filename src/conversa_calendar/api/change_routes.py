"""The change feed."""

from typing import Any

from ninja import Router
from ninja.params.functions import Query

from conversa_calendar.api.auth import ApiRequest, Caller, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import changes
from conversa_calendar.webhooks import reading
from conversa_calendar.webhooks.reading import Reader

router = Router(tags=["changes"])
Payload = dict[str, Any]
NOW = "now"


@router.get("/changes", summary="Every change once, in order")
@scoped("events.read", limit=Limit.CALENDARS)
def list_changes(
    request: ApiRequest, since: str = "", limit: int = Query(changes.PAGE, ge=1, le=changes.PAGE)
) -> Payload:
    """What changed behind the cursor `since`; `since=now` answers a cursor behind everything there is."""
    reader = _reader(request.caller)
    if since == NOW:
        begun = str(reading.begin(reader))
        return {"items": [], "cursor": begun, "next_cursor": begun, "has_more": False}
    try:
        page = reading.page(reader, changes.parse(since), limit)
    except changes.BadCursor:
        raise Problem(422, "invalid", "This cursor is not one of ours.") from None
    except changes.CursorExpired:
        words = (
            "Changes since this cursor are not kept any more. Read everything anew, then go on from the cursor here."
        )
        raise Problem(410, "cursor_expired", words, cursor=str(reading.begin(reader))) from None
    cursor = str(page.cursor)
    items = [item.shown() for item in page.items]
    return {"items": items, "cursor": cursor, "next_cursor": cursor, "has_more": page.has_more}


def _reader(caller: Caller) -> Reader:
    """The caller, with the kinds that their token may read."""
    kinds = {"event", "calendar", "mirror", "member"}
    if caller.token.allows("bookings.read"):
        kinds |= {"booking", "offer"}
    if caller.token.allows("integrations.manage"):
        kinds |= {"connection"}
    return Reader(caller.viewer, frozenset(kinds))
