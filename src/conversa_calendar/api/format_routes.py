"""Feeds: addresses at which calendars can be read as files."""

from typing import Any

from ninja import Router
from ninja.params.functions import Body, Header

from conversa_calendar.api import bodies, idempotency
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.formats import feeds

router = Router(tags=["formats"])
Payload = dict[str, Any]
FIELDS = ("kind", "target", "details")


@router.get("/feeds", summary="Addresses at which calendars can be read")
@scoped("events.read", limit=Limit.REFUSED)
def list_feeds(request: ApiRequest) -> Payload:
    return {"items": [feeds.shown(feed) for feed in feeds.listed(request.caller.viewer)]}


@router.post("/feeds", response={201: Payload}, summary="Make such an address, which is told only now")
@scoped("feeds.manage", limit=Limit.REFUSED)
def add_feed(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    caller = request.caller
    bodies.kinds(bodies.only(payload, FIELDS), kind=str, target=str, details=str)

    def create() -> Payload:
        values = {"kind": bodies.text(payload, "kind"), "target": bodies.text(payload, "target")}
        feed, secret = feeds.create(
            caller.viewer, **values, details=payload.get("details") or "busy", token=caller.token
        )
        return feeds.shown(feed, secret)

    return 201, idempotency.once(caller, idempotency_key, payload, create)


@router.post("/feeds/{uuid}/rotate", summary="A new address in place of the old one")
@scoped("feeds.manage", limit=Limit.REFUSED)
def rotate_feed(request: ApiRequest, uuid: str) -> Payload:
    return feeds.shown(*feeds.rotate(request.caller.viewer, uuid))


@router.delete("/feeds/{uuid}", response={204: None}, summary="End an address")
@scoped("feeds.manage", limit=Limit.REFUSED)
def remove_feed(request: ApiRequest, uuid: str) -> tuple[int, None]:
    feeds.remove(request.caller.viewer, uuid)
    return 204, None
