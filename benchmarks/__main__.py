"""`make bench`: first sync, quiet check, one edit each way, month feed, .ics feed and page, one slow account beside a quick one; each
beside its floor."""

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import urllib3

from benchmarks import calendar_page, emulator, ics_feed, slow_account, staleness, webhooks
from benchmarks.installation import ANA, ROOT, counted, seconds, started

EVENTS = int(os.environ.get("BENCH_EVENTS", "50000"))
FEEDS = 200
OCCURRENCES = int(os.environ.get("BENCH_OCCURRENCES", "1000000"))


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        print(f"Preparing {EVENTS:,} events …", flush=True)
        with started(Path(home), EVENTS) as google:
            scene = _scene(google)
            _first_sync(scene)
            _quiet_check(scene)
            _edit_here(scene)
            _edit_there(scene)
            _month_feed(scene)
            ics_feed.run(scene)
            _slots(scene)
            _bookings(scene)
            webhooks.run(scene["account"], scene["member"])
    _memory_growth()
    emulator.run()
    calendar_page.run()
    staleness.run()
    slow_account.run()
    return 0


def _memory_growth() -> None:
    """The worker's peak over a first sync of ten times as many events, each in a process of its own."""
    peaks = []
    for events in (EVENTS // 5, EVENTS * 2):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", str(events)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout.split()[-1]))
    growth = (peaks[1] / peaks[0] - 1) * 100
    print(
        f"memory of a first sync: {peaks[0] / 1024:.0f} MB at {EVENTS // 5:,} events, {peaks[1] / 1024:.0f} MB at "
        f"{EVENTS * 2:,}: {growth:+.0f} % (goal ≤ 10 %)"
    )


def _slots(scene: dict[str, Any]) -> None:
    """A month of slots for 1, 10 and 100 hosts with 2,000 busy spans each, beside the bare query that unions them."""
    from conversa_calendar.accounts import joining
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.bookings import availability, keeping
    from conversa_calendar.kit import clock

    with tenant(scene["account"]):
        scene["member"].account.refresh_from_db()
        members = [
            joining.add_member_as_operator(email=f"h{n}@bench.example", password="bench-password", built_in="agent")
            for n in range(100)
        ]
    _busy_hosts(scene["account"])
    begin = clock.now().replace(minute=0, second=0, microsecond=0)
    for count in (1, 10, 100):
        with tenant(scene["account"]):
            hosts = [{"id": str(member.uuid)} for member in members[:count]]
            values = {"title": f"{count}", "weekly": [[[540, 1020]]] * 7, "host_mode": "round_robin", "hosts": hosts}
            page = keeping.create(owner=scene["member"], values=values)
            ids = [pk for host in availability.hosts(page) for pk in host.calendars]
            whole = [
                seconds(partial(availability.slots, page, 30, begin, begin + timedelta(days=31))) for _ in range(9)
            ]
            bare = [seconds(partial(_union, ids, begin, begin + timedelta(days=31))) for _ in range(9)]
        ratio = statistics.median(whole) / statistics.median(bare)
        print(
            f"slots of 31 days, {count} hosts: {statistics.median(whole) * 1000:.0f} ms, {ratio:.1f} × the bare union"
        )


def _bookings(scene: dict[str, Any]) -> None:
    """Bookings a second while eight threads go for the same times, four visitors for each, ten hosts in turn."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    from conversa_calendar.accounts import selectors as accounts
    from conversa_calendar.accounts.tenancy import in_tenant, tenant
    from conversa_calendar.bookings import keeping, making
    from conversa_calendar.bookings.live import Taken
    from conversa_calendar.kit import clock

    with tenant(scene["account"]):
        hosts = [{"id": str(member.uuid)} for member in accounts.members().filter(user__email__startswith="h")[:10]]
        values = {"title": "Rush", "weekly": [[[0, 1440]]] * 7, "host_mode": "round_robin", "hosts": hosts}
        page = keeping.create(owner=scene["member"], values=values | {"notice": 0, "horizon_days": 365})
    begin = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=60)
    starts = [begin + timedelta(minutes=30 * n) for n in range(50) for _visitor in range(4)]

    def one(numbered: tuple[int, Any]) -> bool:
        number, start = numbered
        visitor = making.Visitor(name="V", email=f"v{number}@else.example", time_zone="UTC")
        try:
            in_tenant(scene["account"], lambda: making.book(page, start, 30, visitor))
        except Taken:
            return False
        finally:
            connection.close()
        return True

    answers: list[bool] = []
    with ThreadPoolExecutor(8) as crowd:
        spent_s = seconds(lambda: answers.extend(crowd.map(one, enumerate(starts))))
    made = sum(answers)
    print(f"bookings under contention: {made / spent_s:.0f}/s ({made} of {len(starts)} asked for, 8 threads)")


def _busy_hosts(account_id: int) -> None:
    import psycopg

    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as session:
        session.execute(
            """
            INSERT INTO calendars_event (uuid, account_id, calendar_id, kind, original_key, content_json, facts_json,
                overridden, summary, starts_at, ends_at, ical_uid, event_type, is_private, revision, is_unsettled, notify,
                "references", sync_state, sync_message, remote_id, sequence, created_at, changed_at, deleted_by)
            SELECT gen_random_uuid(), %s, c.id, 'single', '', '{}', '{}', '{}', 'Busy host', now() + n * interval '22 minutes',
                now() + (n * 22 + 15) * interval '1 minute', '', 'default', false, 1, false, 'none', '[]', 'native', '', '', 0,
                now(), now(), ''
            FROM calendars_calendar c JOIN accounts_member m ON m.id = c.owner_id JOIN accounts_user u ON u.id = m.user_id,
                generate_series(1, 2000) n WHERE u.email LIKE 'h%%@bench.example'
            """,
            [account_id],
        )
        session.execute(
            "INSERT INTO calendars_occurrence (account_id, calendar_id, event_id, original_key, starts_at, ends_at, is_busy, is_long) "
            "SELECT account_id, calendar_id, id, '', starts_at, ends_at, true, false FROM calendars_event WHERE summary = 'Busy host'"
        )
        session.execute("VACUUM ANALYZE calendars_occurrence, calendars_event")


def _union(calendars: list[int], since: Any, until: Any) -> list[Any]:
    """The same spans as one merged range for each calendar, by PostgreSQL alone."""
    from django.db import connection

    query = """
        SELECT calendar_id, unnest(range_agg(tstzrange(starts_at, ends_at))) FROM calendars_occurrence
        WHERE calendar_id = ANY(%s) AND is_busy AND starts_at < %s AND ends_at > %s AND starts_at > %s GROUP BY calendar_id
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [calendars, until, since, since - timedelta(days=7)])
        return list(cursor.fetchall())


def _scene(google: str) -> dict[str, Any]:
    from conversa_calendar.accounts import joining, services
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.connections import discovery, tokens
    from conversa_calendar.connections.models import Connection
    from conversa_calendar.kit import clock
    from conversa_calendar.providers.google.oauth import SCOPES, Tokens
    from conversa_calendar.sync.mirrors import selection

    account = services.create_account(name="Bench", is_calendar_enabled=True)
    granted = _control(google, "tokens", {"email": ANA, "scopes": list(SCOPES)})
    with tenant(account.pk):
        member = joining.add_member_as_operator(
            email="a@bench.example", password="bench-password", built_in="administrator"
        )
        connection = Connection(sub="1", email=ANA, owner=member)
        connection.save()
        ends_at = clock.now() + timedelta(hours=1)
        tokens.store(connection, Tokens(granted["access_token"], ends_at, frozenset(), granted["refresh_token"]))
    discovery.refresh(account.pk, connection.pk)
    with tenant(account.pk):
        mirror = selection.select(connection, ANA)
    return {
        "google": google,
        "account": account.pk,
        "mirror": mirror,
        "member": member,
        "token": granted["access_token"],
    }


def _first_sync(scene: dict[str, Any]) -> None:
    from conversa_calendar.sync import running

    _download_floor(scene)  # so that the emulator's own encoding of the pages is not what is measured
    spent_s = seconds(lambda: [running.run(scene["mirror"].pk) for _ in range(3)])
    floor_s = statistics.median(_download_floor(scene) + _copy_floor() for _ in range(3))
    _gather_statistics()
    ratio = floor_s / spent_s
    print(
        f"first sync of {EVENTS:,} events: {spent_s:.1f} s, floor {floor_s:.1f} s: {ratio:.2f} of the floor's speed (goal ≥ 0.5)"
    )


def _download_floor(scene: dict[str, Any]) -> float:
    """The same pages, downloaded and decoded: the near window first, then everything."""
    from conversa_calendar.kit import clock
    from conversa_calendar.providers.google.client import GoogleCalendar
    from conversa_calendar.providers.google.transport import HttpTransport
    from conversa_calendar.sync.pull import pulling

    client = GoogleCalendar(HttpTransport(), f"{scene['google']}/calendar/v3", lambda: scene["token"])

    now = clock.now()

    def download() -> None:
        for window in ({"since": now - pulling.NEAR_BACK, "until": now + pulling.NEAR_AHEAD}, {}):
            page = client.list_events(ANA, **window)
            while page.next_page:
                page = client.list_events(ANA, page=page.next_page, **window)

    return seconds(download)


def _copy_floor() -> float:
    """All the rows that the product wrote, COPYed into like tables with their indexes."""
    import psycopg

    spent_s = 0.0
    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as session:
        for table in ("calendars_event", "sync_link", "calendars_occurrence"):
            session.execute(f"CREATE TABLE floor_{table} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)")
            held = io.BytesIO()
            with session.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                for chunk in copy:
                    held.write(chunk)
            data = held.getvalue()
            begin = time.perf_counter()
            with session.cursor().copy(f"COPY floor_{table} FROM STDIN (FORMAT binary)") as copy:
                copy.write(data)
            spent_s += time.perf_counter() - begin
            session.execute(f"DROP TABLE floor_{table}")
    return spent_s


def _gather_statistics() -> None:
    """What autovacuum does within a minute of a first sync; everything after it is measured at rest."""
    import psycopg

    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as session:
        session.execute("ANALYZE")


def _quiet_check(scene: dict[str, Any]) -> None:
    from conversa_calendar.sync import running
    from conversa_calendar.sync.models import MirrorRun

    MirrorRun.objects.update(next_check_at=None)
    mark = _requests(scene)
    with counted() as count:
        running.run(scene["mirror"].pk)
    print(f"no-change check: {_requests(scene) - mark} request, {count.statements} statements (goal 1 and ≤ 10)")
    _explain(count.texts)


def _explain(texts: list[str]) -> None:
    """With BENCH_EXPLAIN=1: what the statements were."""
    if os.environ.get("BENCH_EXPLAIN"):
        print("\n".join(f"    {text}" for text in texts))


def _edit_here(scene: dict[str, Any]) -> None:
    import msgspec

    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.calendars import editing
    from conversa_calendar.calendars.models import Event
    from conversa_calendar.sync import running

    _control(scene["google"], "behaviours", {"latency_s": 0.1}, "PUT")
    spent, bare, statements, commits, writes = [], [], 0, 0, 0
    for number in range(10):
        with tenant(scene["account"]):
            event = Event.objects.filter(kind="single", calendar=scene["mirror"].calendar)[number]
            editing.edit(event, lambda c, n=number: msgspec.structs.replace(c, location=f"Room {n}"), actor=None)
        mark = _requests(scene)
        with counted() as count:
            spent.append(seconds(partial(running.run, scene["mirror"].pk)))
        statements, commits, writes = count.statements, count.commits, _requests(scene) - mark
        bare.append(seconds(partial(_google, scene, "GET", f"calendars/{ANA}/events/{event.remote_id}")))
    _control(scene["google"], "behaviours", {"latency_s": 0.0}, "PUT")
    ratio = statistics.median(spent) / statistics.median(bare)
    print(
        f"one edit here: {writes} write, {ratio:.2f} × the bare call, {statements} statements, {commits} commits "
        "(goal 1, ≤ 1.5, ≤ 14, ≤ 4)"
    )
    _explain(count.texts)


def _edit_there(scene: dict[str, Any]) -> None:
    from conversa_calendar.sync import running
    from conversa_calendar.sync.run import triggers

    _google(scene, "PATCH", f"calendars/{ANA}/events/single0000002", {"summary": "edited there"})
    from django.db import transaction

    with transaction.atomic():
        triggers.request_runs([scene["mirror"].pk], is_pull=True)
    mark = _requests(scene)
    running.run(scene["mirror"].pk)
    print(f"one edit there: {_requests(scene) - mark} request (goal 1 list)")


def _month_feed(scene: dict[str, Any]) -> None:
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.calendars import selectors, services
    from conversa_calendar.calendars.access import Viewer
    from conversa_calendar.dashboard import feed

    with tenant(scene["account"]):
        calendars = [services.create_calendar(name=f"c{n}", owner=scene["member"], time_zone="UTC") for n in range(100)]
    _fill(scene["account"], [calendar.pk for calendar in calendars])
    begin = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    ten = [(calendar, "edit") for calendar in calendars[:10]]
    whole, bare = [], []
    for month in range(FEEDS):
        since = begin + timedelta(days=7 * (month % 20) - 60)
        viewer, until, ids = (
            Viewer(scene["member"]),
            since + timedelta(days=42),
            [calendar.pk for calendar, _level in ten],
        )
        with tenant(scene["account"]):
            whole.append(seconds(partial(feed.events, viewer, ten, since, until)))
            bare.append(seconds(partial(selectors.spans, ids, since, until)))
    at = int(FEEDS * 0.99) - 1
    p99 = sorted(whole)[at] / sorted(bare)[at]
    print(f"month feed of ten calendars out of {OCCURRENCES:,} occurrences: p99 {p99:.1f} × the bare query (goal ≤ 3)")


def _fill(account_id: int, calendars: list[int]) -> None:
    """A million occurrences of as many events, spread over the calendars and two years."""
    import psycopg

    template = '{"start":{"kind":"time","local":"2026-01-01T09:00:00","zone":"UTC"},"end":{"kind":"time","local":"2026-01-01T10:00:00","zone":"UTC"},"summary":"Filler"}'
    query = """
        INSERT INTO calendars_event (uuid, account_id, calendar_id, kind, original_key, content_json, facts_json, overridden,
            summary, starts_at, ends_at, ical_uid, event_type, is_private, revision, is_unsettled, notify, "references",
            sync_state, sync_message, remote_id, sequence, created_at, changed_at, deleted_by)
        SELECT gen_random_uuid(), %s, (%s::bigint[])[1 + n %% %s], 'single', '', %s, '{}', '{}', 'Filler ' || n,
            now() - interval '1 year' + n %% 1051200 * interval '1 minute', now() - interval '1 year'
            + (n %% 1051200 + 60) * interval '1 minute', '', 'default', false, 1, false, 'none', '[]', 'native', '', '', 0,
            now(), now(), '' FROM generate_series(1, %s) n
    """
    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as session:
        session.execute(query, [account_id, calendars, len(calendars), template, OCCURRENCES])
        session.execute(
            "INSERT INTO calendars_occurrence (account_id, calendar_id, event_id, original_key, starts_at, ends_at, is_busy, is_long) "
            "SELECT account_id, calendar_id, id, '', starts_at, ends_at, true, false FROM calendars_event WHERE summary LIKE 'Filler %'"
        )
        session.execute("VACUUM ANALYZE calendars_occurrence, calendars_event")


def _requests(scene: dict[str, Any]) -> int:
    """Calls of the product so far; the benchmark's own bare calls are made between marks."""
    entries = _control(scene["google"], "journal", method="GET")["entries"]
    return len([entry for entry in entries if entry["path"].startswith("/calendar/v3")])


def _control(google: str, path: str, body: Any = None, method: str = "POST") -> Any:
    return _http(f"{google}/_emulator/{path}", method, body, "")


def _google(scene: dict[str, Any], method: str, path: str, body: Any = None) -> Any:
    return _http(f"{scene['google']}/calendar/v3/{path}", method, body, scene["token"])


def _http(url: str, method: str, body: Any, token: str) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = _pool().request(method, url, body=json.dumps(body) if body is not None else None, headers=headers)
    assert answer.status < 300, answer.data
    return json.loads(answer.data) if answer.data else None


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager()


if __name__ == "__main__":
    sys.exit(main())
