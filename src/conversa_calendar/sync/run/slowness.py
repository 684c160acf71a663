"""Google answers one of its users slowly: that user's runs go one at a time, with pauses and shorter deadlines, until it
answers quickly again.

What was measured in a run is judged when it ends, and stands on the Google user's row, for every worker and account that
speaks for it. A person's edit does not wait for the pause and has the whole deadline.
"""

import math
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection as database
from django.db.models import F
from django.db.models.functions import Coalesce

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections.models import Grant
from conversa_calendar.domain.vocabulary import Rest
from conversa_calendar.kit import backoff, clock
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.session import Session

CODE = Rest.SLOW
"""What the card's error is called."""
SLOW_S, QUICK_S = 10.0, 5.0
"""Slower than the one for every twentieth call is slow; never slower than the other is quick again."""
PAUSE_S, PAUSE_MAX_S = 15.0, 300.0


def judge(session: Session) -> None:
    """Draws the conclusion from a run's calls; one without calls, or neither slow nor quick, leaves things as they are."""
    lease = session.lease
    if is_slow(lease.calls, has_timed_out=lease.has_timed_out):
        session.is_slow = True
        _open(session)
    elif session.is_slow and lease.calls and max(lease.calls) <= QUICK_S:
        session.is_slow = False
        _close(session)


def is_slow(calls: Sequence[float], *, has_timed_out: bool) -> bool:
    """Whether the 95th percentile of these calls' seconds is slow, or one was never answered for as long."""
    return has_timed_out or (bool(calls) and sorted(calls)[math.ceil(len(calls) * 0.95) - 1] > SLOW_S)


def pause_s(session: Session) -> float:
    """Seconds that a run has to wait before it asks a slow Google again; 0 for a person's edit."""
    if session.slow_until is None or session.lease.cause is Rank.EDIT:
        return 0.0
    return max(0.0, (session.slow_until - clock.now()).total_seconds())


def _open(session: Session) -> None:
    now = clock.now()
    pause = backoff.delay_s(session.slow_runs + 1, base_s=PAUSE_S, cap_s=PAUSE_MAX_S)
    grant = Grant.objects.filter(sub=session.connection.sub)
    until = now + timedelta(seconds=pause)
    grant.update(slow_since=Coalesce("slow_since", now), slow_until=until, slow_runs=F("slow_runs") + 1)


def _close(session: Session) -> None:
    """Everybody who waited because of it may go on, and says so no more. Who rests for another reason rests on."""
    Grant.objects.filter(sub=session.connection.sub).update(slow_since=None, slow_until=None, slow_runs=0)
    runs = MirrorRun.objects.filter(grant_id=session.lease.grant_id).exclude(mirror_id=session.mirror.pk)
    mirrors: dict[int, list[int]] = {}
    for account_id, mirror_id in runs.values_list("account_id", "mirror_id"):
        mirrors.setdefault(account_id, []).append(mirror_id)
    for account_id, mirror_ids in mirrors.items():
        with tenant(account_id):
            told = Mirror.objects.filter(pk__in=mirror_ids, error_code=CODE)
            waiting = list(told.values_list("pk", flat=True))
            told.update(error_code="", error_message="", error_action="")
            _go_on(waiting)


def _go_on(mirror_ids: list[int]) -> None:
    query = """
        UPDATE sync_mirrorrun SET next_attempt_at = NULL WHERE mirror_id IN (
            SELECT mirror_id FROM sync_mirrorrun WHERE mirror_id = ANY(%s) AND next_attempt_at IS NOT NULL
            ORDER BY mirror_id FOR UPDATE SKIP LOCKED)
    """
    with database.cursor() as cursor:
        cursor.execute(query, [mirror_ids])
