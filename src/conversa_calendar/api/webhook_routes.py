"""Webhooks: where messages about changes go, and what became of each."""

from typing import Any

from ninja import Router
from ninja.params.functions import Body, Header, Query

from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import changes
from conversa_calendar.kit import reading
from conversa_calendar.webhooks import acts, presenting

router = Router(tags=["webhooks"])
Payload = dict[str, Any]
ACCOUNT = ("account.manage", Permission.ACCOUNT)


@router.get("/webhooks", summary="Webhooks")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def list_webhooks(request: ApiRequest) -> Payload:
    return {"items": [presenting.endpoint(found) for found in acts.listed(request.caller.viewer)]}


@router.post("/webhooks", response={201: Payload}, summary="Set up a webhook; its secret is shown only now")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def add_webhook(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    made, secret = acts.create(request.caller.viewer, _values(payload))
    return 201, presenting.endpoint(made) | {"secret": secret}


@router.get("/webhooks/{uuid}", summary="One webhook")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def get_webhook(request: ApiRequest, uuid: str) -> Payload:
    return presenting.endpoint(acts.endpoint(request.caller.viewer, uuid))


@router.patch("/webhooks/{uuid}", summary="Change a webhook, or turn it on or off")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def change_webhook(
    request: ApiRequest, uuid: str, payload: Payload = Body(...), if_match: str = Header("", alias="If-Match")
) -> Payload:
    viewer = request.caller.viewer
    acts.endpoint(viewer, uuid)
    return presenting.endpoint(acts.change(viewer, uuid, _values(payload), if_match=if_match))


@router.delete("/webhooks/{uuid}", response={204: None}, summary="Remove a webhook")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def delete_webhook(request: ApiRequest, uuid: str, if_match: str = Header("", alias="If-Match")) -> tuple[int, None]:
    acts.delete(request.caller.viewer, uuid, if_match=if_match)
    return 204, None


@router.post("/webhooks/{uuid}/rotate", summary="A new secret; the former one signs beside it for two days")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def rotate_webhook(request: ApiRequest, uuid: str) -> Payload:
    found, secret = acts.rotate(request.caller.viewer, uuid)
    return presenting.endpoint(found) | {"secret": secret}


@router.post("/webhooks/{uuid}/test", response={202: Payload}, summary="Send a message that tells of nothing")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def test_webhook(request: ApiRequest, uuid: str) -> tuple[int, Payload]:
    return 202, presenting.delivery(acts.send_test(request.caller.viewer, uuid))


@router.post("/webhooks/{uuid}/replay", response={202: Payload}, summary="Send everything behind a cursor again")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def replay_webhook(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> tuple[int, Payload]:
    viewer = request.caller.viewer
    acts.endpoint(viewer, uuid)
    since = bodies.text(bodies.only(payload, ("since",)), "since")
    try:
        return 202, presenting.endpoint(acts.replay(viewer, uuid, since))
    except changes.BadCursor:
        raise Problem(422, "invalid", "This cursor is not one of ours.") from None
    except changes.CursorExpired:
        raise Problem(410, "cursor_expired", "Changes since this cursor are not kept any more.") from None


@router.get("/webhooks/{uuid}/deliveries", summary="What became of each message, latest first")
@scoped(*ACCOUNT, limit=Limit.REFUSED)
def list_deliveries(request: ApiRequest, uuid: str, state: str = Query(""), cursor: str = Query("")) -> Payload:
    rows = acts.log(request.caller.viewer, uuid, state=state, before=reading.whole(cursor) or 0)
    more = str(rows[acts.LOG_PAGE - 1].pk) if len(rows) > acts.LOG_PAGE else None
    return {"items": [presenting.delivery(row) for row in rows[: acts.LOG_PAGE]], "next_cursor": more}


def _values(payload: Payload) -> Payload:
    bodies.kinds(
        bodies.only(payload, acts.FIELDS),
        url=str,
        description=str,
        kinds=list,
        calendars=list,
        private=bool,
        on=bool,
    )
    return payload
