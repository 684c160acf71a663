"""Bugs planted on purpose: the checker has to see each of them, or it sees nothing.

Each entry names the invariant that is broken, the mode in which it shows, and how to plant it in the running product.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import msgspec
from django.db import connection

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.engine import merge
from conversa_calendar.kit import ids
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google.client import GoogleCalendar
from conversa_calendar.sync import leases, linking, pulling, pushing, tasks
from conversa_calendar.sync.models import Link

Patch = tuple[object, str, object]


@dataclass(frozen=True)
class Bug:
    name: str
    patches: Callable[[], list[Patch]]
    mode: str = "safety"
    seed: int = 0
    """A seed in which it is known to be seen; 0 where the whole budget is searched."""

    @contextmanager
    def planted(self) -> Iterator[None]:
        with ExitStack() as stack:
            for target, attribute, replacement in self.patches():
                stack.enter_context(mock.patch.object(target, attribute, replacement))
            yield


def _random_ids() -> list[Patch]:
    def forgotten(session: Any, action: Any) -> None:
        Link.objects.filter(pk=action.link.pk).delete()

    return [
        (ids, "remote_event_id", lambda event, generation: ids.new_uuid().hex),
        (pushing, "_send_again", forgotten),
    ]


def _first_page_only() -> list[Patch]:
    return [(GoogleCalendar, "list_events", _cut_listing(lambda page: True))]


def _stop_at_empty_page() -> list[Patch]:
    return [(GoogleCalendar, "list_events", _cut_listing(lambda page: not page.items))]


def _cut_listing(is_last: Callable[[Any], bool]) -> Callable[..., Any]:
    """Ends a listing too early, with the cursor that its real end would have brought."""
    original = GoogleCalendar.list_events

    def listed(self: Any, calendar_id: str, **query: Any) -> Any:
        page = original(self, calendar_id, **query)
        end = page
        while end.next_page and is_last(page):
            end = original(self, calendar_id, **query | {"page": end.next_page})
        return msgspec.structs.replace(page, next_page=end.next_page, next_cursor=end.next_cursor)

    return listed


def _dead_cursor_is_empty() -> list[Patch]:
    original = GoogleCalendar.list_events

    def listed(self: Any, calendar_id: str, **query: Any) -> Any:
        try:
            return original(self, calendar_id, **query)
        except protocol.CursorExpired:
            page = original(self, calendar_id)
            while page.next_page:
                page = original(self, calendar_id, page=page.next_page)
            return msgspec.structs.replace(page, items=[])

    return [(GoogleCalendar, "list_events", listed)]


def _without_if_match(name: str) -> list[Patch]:
    original = getattr(GoogleCalendar, name)

    def sent(self: Any, calendar_id: str, write: Any) -> Any:
        return original(self, calendar_id, msgspec.structs.replace(write, if_match=""))

    return [(GoogleCalendar, name, sent)]


def _tells_everybody() -> list[Patch]:
    original = GoogleCalendar.patch

    def sent(self: Any, calendar_id: str, write: Any) -> Any:
        return original(self, calendar_id, msgspec.structs.replace(write, notify="all"))

    return [(GoogleCalendar, "patch", sent)]


def _echoes() -> list[Patch]:
    merged, changed = merge.merge, pushing.changed_units
    return [
        (merge, "merge", lambda *a, **o: msgspec.structs.replace(merged(*a, **o), to_remote=("summary",))),
        (pushing, "changed_units", lambda before, after: tuple({*changed(before, after), "summary"})),
    ]


def _no_fence() -> list[Patch]:
    return [(leases, "confirm", lambda lease: None)]


def _no_lease() -> list[Patch]:
    return [*_no_fence(), (leases, "take", _take_anyway)]


def _take_anyway(mirror_id: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sync_mirrorrun SET leased_until = NULL WHERE mirror_id = %s", [mirror_id])
    return _TAKE(mirror_id)


_TAKE = leases.take


def _endless_lease() -> list[Patch]:
    return [(leases, "LEASE_S", 1e8)]


def _clears_what_came_meanwhile() -> list[Patch]:
    original = leases.release

    def released(lease: Any, **options: Any) -> bool:
        lease.wanted = lease.pull_wanted = 1_000_000_000
        answer = original(lease, **options)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE sync_mirrorrun SET done = wanted, pull_done = pull_wanted")
        return answer and False

    return [(leases, "release", released)]


def _conflict_is_refusal() -> list[Patch]:
    def refused(session: Any, action: Any) -> Any:
        return pushing._after_refusal(session, action, protocol.BadData("duplicate", reason="duplicate"))

    return [(pushing, "_after_duplicate", refused)]


def _precondition_drops_edit() -> list[Patch]:
    def dropped(session: Any, action: Any) -> Any:
        return pushing._after_refusal(session, action, protocol.BadData("changed", reason="changed"))

    return [(pushing, "_after_conflict", dropped)]


def _loser_discarded() -> list[Patch]:
    original = history.record

    def recorded(event: Any, **options: Any) -> Any:
        if options.get("side") == "remote":
            return None
        return original(event, **options)

    return [(history, "record", recorded)]


def _settles_newer_edits() -> list[Patch]:
    original = pushing._store_settled

    def stored(session: Any, event: Any, after: Any, answer: Any, is_untouched: bool) -> None:
        original(session, event, after, answer, True)

    return [(pushing, "_store_settled", stored)]


def _no_intent() -> list[Patch]:
    original = pushing._intend

    def unstored(session: Any, action: Any) -> Any:
        planned = original(session, action)
        Link.objects.filter(pk=planned.link.pk).update(intent=None)
        return planned

    return [(pushing, "_intend", unstored)]


def _one_404_deletes() -> list[Patch]:
    return [(pushing, "DOUBTS_MAX", 0)]


def _stale_series_etag() -> list[Patch]:
    original = pulling._apply_page

    def applied(session: Any, page: Any, apply_items: Any) -> None:
        with tenant(session.account_id):
            for item in page.items:
                rows = Link.objects.filter(mirror_id=session.mirror.pk, remote_id=getattr(item, "series_id", ""))
                rows.update(etag=item.etag)
        original(session, page, apply_items)

    return [(pulling, "_apply_page", applied)]


def _cancelled_dropped() -> list[Patch]:
    original = pulling._create

    def created(session: Any, remotes: list[Any]) -> int:
        return original(session, [remote for remote in remotes if remote.content is not None])

    return [(pulling, "_create", created), (linking, "cancel_occurrence", lambda *args: None)]


BUGS = (
    Bug("a new random id for each attempt", _random_ids, "late", seed=5),
    Bug("the cursor stored after the first page", _first_page_only, seed=1),
    Bug("paging stops at an empty page", _stop_at_empty_page, seed=7),
    Bug("a dead cursor taken for an empty list", _dead_cursor_is_empty, seed=6),
    Bug("a full listing does not sweep", lambda: [(pulling, "_mark_unseen", lambda session: None)], seed=6),
    Bug("PATCH without If-Match", lambda: _without_if_match("patch"), seed=1),
    Bug("DELETE without If-Match", lambda: _without_if_match("delete"), seed=1),
    Bug("what came in is sent back", _echoes, seed=2),
    Bug("no fence check", _no_fence, seed=2),
    Bug("no lease", _no_lease, seed=1),
    Bug("a lease that never ends", _endless_lease, seed=2),
    Bug("what was wanted meanwhile is forgotten", _clears_what_came_meanwhile, "fast", seed=1),
    Bug("no safety check", lambda: [(tasks, "dispatch", lambda timestamp: None)], "deaf", seed=1),
    Bug("409 is a refusal", _conflict_is_refusal, seed=24),
    Bug("412 drops the edit", _precondition_drops_edit, seed=1),
    Bug("the loser of a conflict is discarded", _loser_discarded, seed=14),
    Bug("a newer edit counts as sent", _settles_newer_edits, seed=20),
    Bug("no intent before a write", _no_intent, seed=1),
    Bug("a late create stays", lambda: [(linking, "is_untouched_copy", lambda link, remote: False)], "late", seed=3),
    Bug("one 404 is believed", _one_404_deletes, seed=19),
    Bug("a series' etag taken without its content", _stale_series_etag, seed=11),
    Bug("cancelled occurrences dropped", _cancelled_dropped, seed=5),
    Bug("sync mails guests", _tells_everybody, seed=4),
)
