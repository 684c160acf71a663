"""Delivering: what changed becomes messages, messages go out, and what became of each is stored.

One worker holds an endpoint's lease. Each batch is a transaction that reads on in the feed and takes what is due, then
requests with no transaction open, then a transaction that settles. Whoever dies in between leaves messages that are sent again
under the same id. A message about one thing waits until the one before it was taken.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import uuid5

import msgspec
from django.db import connection as database
from django.db.models import Min

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import in_tenant
from conversa_calendar.calendars import changes
from conversa_calendar.connections import sealing
from conversa_calendar.kit import clock, ids
from conversa_calendar.webhooks import acts, leases, network, notices, payloads, reading, signing
from conversa_calendar.webhooks.leases import Lease
from conversa_calendar.webhooks.models import DELIVERED, FAILED, WAITING, Delivery, Endpoint
from conversa_calendar.webhooks.network import Answer, Line
from conversa_calendar.webhooks.reading import Item

log = logging.getLogger(__name__)
MINUTE, HOUR = 60, 3600
_FIRST = (5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR)
PAUSES_S = (*_FIRST, *(hours * HOUR for hours in (2, 4, 8, 8, 12, 12, 24)))
"""How long a message rests after each attempt that failed: three days in all."""
RESTS_S = (2, 5, 15, 60, 5 * MINUTE, 15 * MINUTE)
"""How long an endpoint rests after rounds in a row in which it took nothing."""
BATCH = 200
PROBES = 4
"""So many messages try whether an endpoint that took nothing is there again."""
SENDERS = 8
SLICE_S = 8.0
"""After this long others have their turn."""
NOT_READABLE_YET = timedelta(seconds=1)
CLOSED_FOR = timedelta(minutes=10)
GONE = 410


class Message(msgspec.Struct, frozen=True):
    """One message that is to go out now."""

    id: int
    message: str
    thing: str
    body: bytes


class Resting(msgspec.Struct, frozen=True):
    """Nothing is sent before then, whatever is told meanwhile."""

    at: datetime


class Round(msgspec.Struct, frozen=True):
    """One batch: messages and what signs them."""

    url: str
    secrets: list[str]
    messages: list[Message]


def deliver(endpoint_id: int) -> datetime | None:
    """Delivers what is due to one endpoint for a while; answers when there is something to do again, None when not known of
    anything."""
    lease = leases.take(endpoint_id)
    if lease is None:
        return None
    again_at: datetime | None = clock.now()
    try:
        ended = _until_done(lease)
        again_at = ended.at if isinstance(ended, Resting) else ended
    except leases.FenceLost:
        log.warning("endpoint %s: another worker took over", endpoint_id)
        return None
    finally:
        leases.release(lease, again_at)
    if isinstance(ended, Resting):
        return again_at
    return in_tenant(lease.account_id, lambda: _news_behind(lease, again_at))


def _until_done(lease: Lease) -> datetime | Resting | None:
    ends_at_s = clock.steady_s() + SLICE_S
    line: Line | None = None
    try:
        while clock.steady_s() < ends_at_s:
            found = in_tenant(lease.account_id, lambda: _next(lease))
            if not isinstance(found, Round):
                return found
            try:
                line = line or Line(found.url).__enter__()
                answers = _send(line, found)
            except network.BadAddress as error:
                answers = {one.id: Answer(None, str(error)) for one in found.messages}
            _settle_anew(lease, found, answers)
        return clock.now()
    finally:
        if line is not None:
            line.__exit__()


def _next(lease: Lease) -> Round | Resting | datetime | None:
    """The next batch; else when to look again, None when nothing waits."""
    leases.hold(lease)
    rows = Endpoint.objects.select_for_update(of=("self",)).select_related(
        "viewer__user", "viewer__account", "viewer__role"
    )
    found = rows.filter(pk=lease.endpoint_id, is_on=True).first()
    if found is None:
        return None
    if not Account.objects.get(pk=lease.account_id).is_open:
        return Resting(clock.now() + CLOSED_FOR)
    if found.viewer is None or not found.viewer.is_present:
        notices.turn_off(found, notices.NOBODY)
        return None
    if found.token_id is not None and not accounts.is_token_alive(found.token_id):
        notices.turn_off(found, notices.TOKEN)
        return None
    try:
        secrets = signing.secrets(found)
    except sealing.SealBroken:
        return Resting(clock.now() + CLOSED_FOR)  # its key is not at hand; readiness and doctor say so
    has_more = gather(found)
    if found.rests_until is not None and found.rests_until > clock.now():
        return clock.now() if has_more else Resting(found.rests_until)
    due = _due(found)
    if due:
        bodies = payloads.bodies(acts.reader_of(found), due)
        made = [Message(one.pk, f"msg_{one.message.hex}", one.object_id, bodies[one.pk]) for one in due]
        return Round(found.url, secrets, made)
    return clock.now() if has_more else _later(found)


def gather(found: Endpoint) -> bool:
    """Reads on in the feed and makes messages of what is told there; answers whether there is more to be read at once."""
    reader = acts.reader_of(found)
    try:
        page = reading.page(reader, changes.parse(found.cursor))
        items = [one for one in page.items if one.what != "state"]
        cursor, has_more = page.cursor, page.has_more
    except changes.CursorExpired:
        cursor, has_more = reading.begin(reader), False
        items = [_gap(found, cursor)]
    _store(found, items, cursor)
    if str(cursor) != found.cursor:
        found.cursor = str(cursor)
        found.save(update_fields=["cursor"])
    return has_more


def _gap(found: Endpoint, cursor: changes.Cursor) -> Item:
    """What tells a receiver that changes were lost to it, and that it has to read everything anew."""
    key, now = f"expired.{cursor}", clock.now()
    return Item(kind="changes", id=str(found.uuid), what="expired", at=now, key=key, by="platform")


def _store(found: Endpoint, items: list[Item], cursor: changes.Cursor) -> None:
    """One message for each; what is replayed waits again under its former id."""
    rows = [_delivery(found, item, cursor) for item in items]
    fields = ["state", "attempts", "next_attempt_at", "first_attempt_at", "ended_at", "item"]
    Delivery.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["endpoint", "message"], update_fields=fields
    )


def _delivery(found: Endpoint, item: Item, cursor: changes.Cursor) -> Delivery:
    return Delivery(
        account_id=found.account_id,
        endpoint=found,
        message=uuid5(found.uuid, item.key),
        type=f"{item.kind}.{item.what}",
        object_id=item.id,
        item=msgspec.to_builtins(item.shown()),
        transaction=item.transaction or cursor.transaction,
        row=item.row,
        at=item.at,
    )


_DUE = """
    SELECT d.* FROM webhooks_delivery d
    WHERE d.account_id = %(account)s AND d.endpoint_id = %(endpoint)s AND d.state = 'waiting'
      AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= %(now)s)
      AND NOT EXISTS (
        SELECT 1 FROM webhooks_delivery e
        WHERE e.endpoint_id = d.endpoint_id AND e.object_id = d.object_id AND e.state = 'waiting'
          AND e.next_attempt_at > %(now)s AND (e.transaction, e.row) < (d.transaction, d.row))
    ORDER BY d.transaction, d.row LIMIT %(limit)s
"""


def _due(found: Endpoint) -> list[Delivery]:
    """What goes out now, in order: nothing about a thing of which an earlier message rests after a failure."""
    values = {"account": found.account_id, "endpoint": found.pk, "now": clock.now()}
    return list(Delivery.objects.raw(_DUE, values | {"limit": PROBES if found.rests else BATCH}))


def _later(found: Endpoint) -> datetime | None:
    rows = Delivery.objects.filter(endpoint=found, state=WAITING, next_attempt_at__isnull=False)
    earliest: datetime | None = rows.aggregate(at=Min("next_attempt_at"))["at"]
    return earliest


def _send(line: Line, found: Round) -> dict[int, Answer]:
    """Sends a batch: what is about one thing one after the other, up to the first that is not taken; answers by delivery.
    Of a slow receiver's batch the rest goes out with the next one, as the lease lasts no longer."""
    ends_at_s = clock.steady_s() + SLICE_S
    things: dict[str, list[Message]] = {}
    for one in found.messages:
        things.setdefault(one.thing, []).append(one)
    answers: dict[int, Answer] = {}

    def send(messages: list[Message]) -> None:
        for one in messages:
            if answers and clock.steady_s() >= ends_at_s:
                return
            at_s = int(clock.now().timestamp())
            answer = line.post(one.body, signing.headers(one.message, at_s, one.body, found.secrets))
            answers[one.id] = answer
            if not answer.is_taken:
                return

    with ThreadPoolExecutor(SENDERS, "webhook") as pool:
        for _done in pool.map(send, things.values()):
            pass
    return answers


def _settle_anew(lease: Lease, found: Round, answers: dict[int, Answer]) -> None:
    in_tenant(lease.account_id, lambda: _settle(lease, answers))


def _settle(lease: Lease, answers: dict[int, Answer]) -> None:
    leases.hold(lease)
    found = Endpoint.objects.select_for_update(of=("self",)).filter(pk=lease.endpoint_id).first()
    if found is None:
        return  # deleted meanwhile, its messages with it
    now = clock.now()
    rows = list(Delivery.objects.filter(pk__in=answers, state=WAITING))
    for row in rows:
        _note(row, answers[row.pk], now)
    _keep(rows)
    _rest(found, rows, now)


_KEEP = """
    UPDATE webhooks_delivery d SET state = n.state, attempts = n.attempts, first_attempt_at = n.first_at,
        next_attempt_at = n.next_at, ended_at = n.ended_at, status = n.status, error = n.error
    FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::int[],
        %s::text[]) AS n(id, state, attempts, first_at, next_at, ended_at, status, error)
    WHERE d.id = n.id
"""


def _keep(rows: list[Delivery]) -> None:
    """Stores what became of a batch in one statement."""
    noted = [
        (r.pk, r.state, r.attempts, r.first_attempt_at, r.next_attempt_at, r.ended_at, r.status, r.error) for r in rows
    ]
    if noted:
        with database.cursor() as cursor:
            cursor.execute(_KEEP, [list(column) for column in zip(*noted, strict=True)])


def _note(row: Delivery, answer: Answer, now: datetime) -> None:
    row.attempts += 1
    row.first_attempt_at = row.first_attempt_at or now
    row.status, row.error, row.next_attempt_at = answer.status, answer.error[:200], None
    if answer.is_taken:
        row.state, row.ended_at = DELIVERED, now
    elif row.attempts > len(PAUSES_S):
        row.state, row.ended_at = FAILED, now
    else:
        row.next_attempt_at = now + timedelta(seconds=ids.jitter(PAUSES_S[row.attempts - 1], 0.1))


def _rest(found: Endpoint, rows: Iterable[Delivery], now: datetime) -> None:
    """What a batch says about the endpoint itself: it goes on, rests, or is turned off."""
    taken = [row for row in rows if row.state == DELIVERED]
    given_up = [row for row in rows if row.state == FAILED]
    if taken:
        found.rests, found.rests_until, found.last_success_at = 0, None, now
    elif rows:
        found.rests += 1
        pause_s = RESTS_S[min(found.rests, len(RESTS_S)) - 1]
        found.rests_until = now + timedelta(seconds=ids.jitter(pause_s, 0.1))
    found.save(update_fields=["rests", "rests_until", "last_success_at"])
    if any(row.status == GONE for row in rows):
        notices.turn_off(found, notices.GONE)
    elif given_up and _took_nothing_since(found, given_up):
        notices.turn_off(found, notices.SILENT)


def _took_nothing_since(found: Endpoint, given_up: list[Delivery]) -> bool:
    first = min(row.first_attempt_at for row in given_up if row.first_attempt_at is not None)
    return found.last_success_at is None or found.last_success_at < first


def _news_behind(lease: Lease, again_at: datetime | None) -> datetime | None:
    """After the lease was given back: whether something was told meanwhile whose own job found it taken."""
    found = Endpoint.objects.filter(pk=lease.endpoint_id, is_on=True).first()
    if found is None:
        return None
    if changes.is_waiting(changes.parse(found.cursor)):
        soon = clock.now() + NOT_READABLE_YET
        return soon if again_at is None else min(soon, again_at)
    return again_at
