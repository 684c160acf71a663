"""The door for acts on webhooks: pages and API list, create, change, delete, rotate, test and replay only here.

Whoever manages the account may. An endpoint hears what its viewer may see, and its viewer is whoever last said what goes
where: nobody sends elsewhere what only somebody else may read.
"""

from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.acting import NotAllowed, NotFound, Refusal, Viewer, does
from conversa_calendar.accounts.models import ApiToken
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.calendars import changes
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock
from conversa_calendar.webhooks import reading, signing, values
from conversa_calendar.webhooks.models import FAILED, WAITING, Delivery, Endpoint, EndpointRun
from conversa_calendar.webhooks.reading import KINDS, Reader

ENDPOINTS_MAX = 10
LOG_PAGE = 100
FIELDS = ("url", "description", "kinds", "calendars", "private", "on")
_LEADS = {"url", "kinds", "calendars", "private"}
"""What says what goes where."""


class Act(StrEnum):
    """What can be done with webhooks."""

    SEE = "see_webhooks"
    CREATE = "create_webhook"
    CHANGE = "change_webhook"
    DELETE = "delete_webhook"
    ROTATE = "rotate_webhook"
    TEST = "test_webhook"
    REPLAY = "replay_webhook"


NEEDS: dict[Act, Permission] = dict.fromkeys(Act, Permission.ACCOUNT)


def authorise(act: Act, viewer: Viewer) -> Refusal | None:
    """Whether a viewer may do something with webhooks; None when they may."""
    if viewer.is_limited:
        return Refusal("token_limited", _("This token reaches some calendars only, and this needs more than those."))
    if not viewer.member.may(NEEDS[act]):
        return Refusal("forbidden", _("Only who manages the account can do that."))
    return None


def listed(viewer: Viewer) -> QuerySet[Endpoint]:
    """Raises NotAllowed."""
    _needs(Act.SEE, viewer)
    return Endpoint.objects.select_related("viewer__user").order_by("pk")


def endpoint(viewer: Viewer, uuid: UUID | str) -> Endpoint:
    """Raises NotFound, NotAllowed."""
    return _found(Act.SEE, viewer, uuid)


def log(viewer: Viewer, uuid: UUID | str, *, state: str = "", before: int = 0) -> list[Delivery]:
    """An endpoint's latest deliveries, one more than a page. Raises NotFound, NotAllowed."""
    rows = Delivery.objects.filter(endpoint=_found(Act.SEE, viewer, uuid))
    rows = rows.filter(state=state) if state else rows
    rows = rows.filter(pk__lt=before) if before else rows
    return list(rows.order_by("-pk")[: LOG_PAGE + 1])


@does(Act.CREATE)
def create(viewer: Viewer, wanted: dict[str, Any]) -> tuple[Endpoint, str]:
    """A new endpoint, which hears of everything from now on, and its secret, which is told only now. Raises NotAllowed,
    Invalid."""
    _needs(Act.CREATE, viewer)
    if Endpoint.objects.count() >= ENDPOINTS_MAX:
        raise Invalid("url", _("An account has at most %(most)d webhooks.") % {"most": ENDPOINTS_MAX})
    made, secret = Endpoint(kinds=list(KINDS), viewer=viewer.member), signing.new_secret()
    made.token_id = viewer.token.pk if viewer.token else None
    made.account_id = viewer.member.account_id
    values.take(made, viewer, {"url": "", "kinds": values.allowed(viewer)} | wanted)
    signing.store(made, secret)
    made.cursor = str(reading.begin(reader_of(made)))
    made.save(force_insert=True)
    EndpointRun.objects.create(endpoint_id=made.pk, account_id=made.account_id, is_on=made.is_on)
    return made, secret


@does(Act.CHANGE)
def change(viewer: Viewer, uuid: UUID | str, wanted: dict[str, Any], *, if_match: str = "") -> Endpoint:
    """Changes what is named. Turned on again, it goes on where it stood: what was not delivered is tried anew. Raises
    NotFound, NotAllowed, Invalid, Changed."""
    found = _found(Act.CHANGE, viewer, uuid)
    preconditions.hold(if_match, etag(found))
    was_on = found.is_on
    values.take(found, viewer, wanted)
    if _LEADS & set(wanted) or (found.is_on and not was_on and not _is_spoken_for(found)):
        _take_over(found, viewer)
    found.save()
    if found.is_on and not was_on:
        rows = Delivery.objects.filter(endpoint=found, state__in=[WAITING, FAILED])
        rows.update(state=WAITING, attempts=0, next_attempt_at=None, first_attempt_at=None, ended_at=None)
    EndpointRun.objects.filter(endpoint_id=found.pk).update(is_on=found.is_on)
    wake(found)
    return found


@does(Act.DELETE)
def delete(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> None:
    """Raises NotFound, NotAllowed, Changed."""
    found = _found(Act.DELETE, viewer, uuid)
    preconditions.hold(if_match, etag(found))
    EndpointRun.objects.filter(endpoint_id=found.pk).delete()
    found.delete()


@does(Act.ROTATE)
def rotate(viewer: Viewer, uuid: UUID | str) -> tuple[Endpoint, str]:
    """A new secret, told only now. For two days the former one signs beside it. Raises NotFound, NotAllowed."""
    found, secret = _found(Act.ROTATE, viewer, uuid), signing.new_secret()
    signing.store(found, secret)
    found.save(update_fields=["sealed_secret", "sealed_former", "former_until"])
    return found, secret


@does(Act.TEST)
def send_test(viewer: Viewer, uuid: UUID | str) -> Delivery:
    """Owes the endpoint a message that tells of nothing. Raises NotFound, NotAllowed, Invalid while it is off."""
    found = _found(Act.TEST, viewer, uuid)
    if not found.is_on:
        raise Invalid("on", _("This webhook is off; turn it on first."))
    now, name = clock.now(), str(uuid4())
    item = {"kind": "webhook", "id": name, "calendar": None, "what": "test", "at": now.isoformat()}
    made = Delivery(endpoint=found, message=uuid4(), type="webhook.test", object_id=name, item=item, at=now)
    made.transaction, made.row = changes.now().transaction, 0
    made.save(force_insert=True)
    wake(found)
    return made


@does(Act.REPLAY)
def replay(viewer: Viewer, uuid: UUID | str, since: str) -> Endpoint:
    """Tells everything behind a cursor of the feed again, each message under its former id. Raises NotFound, NotAllowed,
    BadCursor, CursorExpired."""
    found = _found(Act.REPLAY, viewer, uuid)
    cursor = changes.parse(since)
    changes.read(cursor, 1)
    found.cursor = str(msgspec.structs.replace(cursor, sight=cursor.sight or changes.parse(found.cursor).sight))
    found.save(update_fields=["cursor"])
    wake(found)
    return found


def etag(found: Endpoint) -> str:
    """That of all of it that can be edited."""
    edited = (found.url, found.description, found.kinds, found.calendars, found.sees_private, found.is_on)
    return preconditions.tag(found.pk, *edited)


def reader_of(found: Endpoint) -> Reader:
    """What an endpoint hears of."""
    assert found.viewer is not None
    only = frozenset(map(str, found.calendars)) or None
    token = ApiToken.objects.filter(pk=found.token_id).first() if found.token_id else None
    viewer = Viewer(member=found.viewer, sees_private=found.sees_private, only_calendars=only, token=token)
    return Reader(viewer, frozenset(found.kinds))


def wake(found: Endpoint) -> None:
    """Has an endpoint looked after soon, in the caller's transaction."""
    from conversa_calendar.webhooks import tasks

    if found.is_on:
        EndpointRun.objects.filter(endpoint_id=found.pk).update(next_attempt_at=clock.now())
        tasks.deliver.defer(account_id=found.account_id, endpoint_id=found.pk)


def _is_spoken_for(found: Endpoint) -> bool:
    """Whether who said what goes where can still say so."""
    is_token_gone = found.token_id is not None and not accounts.is_token_alive(found.token_id)
    return found.viewer is not None and found.viewer.is_present and not is_token_gone


def _take_over(found: Endpoint, viewer: Viewer) -> None:
    """From now on the viewer says what goes where: only what they may read themselves, also of what waits."""
    former, found.viewer = found.viewer, viewer.member
    found.token_id = viewer.token.pk if viewer.token else None
    values.take(found, viewer, {"kinds": found.kinds, "private": found.sees_private})
    if former is None or former.pk != viewer.member.pk:
        waiting = list(Delivery.objects.filter(endpoint=found, state=WAITING).values_list("pk", "item"))
        items = [item for _pk, item in waiting]
        unseen = [
            pk
            for (pk, _item), is_seen in zip(waiting, reading.sees(reader_of(found), items), strict=True)
            if not is_seen
        ]
        Delivery.objects.filter(pk__in=unseen).delete()


def _needs(act: Act, viewer: Viewer) -> None:
    if (refused := authorise(act, viewer)) is not None:
        raise NotAllowed(refused)


def _found(act: Act, viewer: Viewer, uuid: UUID | str) -> Endpoint:
    """One endpoint, locked unless it is only looked at."""
    _needs(act, viewer)
    rows = Endpoint.objects.select_related("viewer__user")
    rows = rows if act is Act.SEE else rows.select_for_update(of=("self",))
    try:
        found = rows.filter(uuid=UUID(str(uuid))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound
    return found
