"""One run of a mirror: lease, push, pull, push what the merge left over, release.

Expected failures are recorded on the mirror and the run returns; nothing is retried inside a run.
"""

import logging
from datetime import timedelta
from enum import IntEnum
from typing import Any, assert_never

from django.db import IntegrityError, OperationalError
from django.utils.translation import gettext as _

from conversa_calendar.accounts import acting
from conversa_calendar.accounts.acting import By, Who
from conversa_calendar.accounts.tenancy import is_clash, tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.signals import need_asked
from conversa_calendar.connections.models import DiscoveredCalendar
from conversa_calendar.domain.vocabulary import MirrorState, Reason, Remedy, Rest
from conversa_calendar.kit import backoff, clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.sync.explain import presenting
from conversa_calendar.sync.links import stranding, whereabouts
from conversa_calendar.sync.mirrors import busy, channels, notices
from conversa_calendar.sync.models import Mirror
from conversa_calendar.sync.pull import pulling
from conversa_calendar.sync.push import planning, pushing
from conversa_calendar.sync.run import budget, leases, session, slowness
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.leases import FenceLost, Lease
from conversa_calendar.sync.run.session import CannotRun, Session

log = logging.getLogger(__name__)
POLL_VIEWED_S, POLL_S = 54.0, 270.0
"""With their jitter a minute and five at most."""
CHECK_ACTIVE_S, CHECK_QUIET_S = 900.0, 3600.0
VIEWED_FOR = timedelta(minutes=3)
ACTIVE_FOR = timedelta(days=7)
WAITING_S = 5.0
SEALED_S = 60.0
"""How often is looked whether a key was put back."""
LEASE_FULL_WAIT_S = 1.0


class Ended(IntEnum):
    """How a run ended: nothing is left to do, it is to be run again at once, or what is left is for `backfill`."""

    RESTS = 0
    AGAIN = 1
    HANDED_OVER = 2


def run(mirror_id: int, *, may_backfill: bool = True) -> Ended:
    """Works on one mirror until nothing is left. Without `may_backfill` it stops before a listing of everything."""
    lease = leases.take(mirror_id)
    if lease is None:
        return Ended.RESTS
    try:
        with acting.by(Who(By.GOOGLE)):
            return _run(lease, may_backfill)
    except FenceLost:
        log.warning("mirror %s: another worker took over", mirror_id)
        return Ended.RESTS
    except Exception as error:
        if isinstance(error, OperationalError) and is_clash(error):
            log.info("mirror %s: gave way to another transaction", mirror_id)
            return _released(lease, wait_s=LEASE_FULL_WAIT_S)
        log.exception("mirror %s: the run broke off", mirror_id)
        _released(lease, wait_s=60.0)
        raise


def _run(lease: Lease, may_backfill: bool) -> Ended:
    try:
        with tenant(lease.account_id):
            current = session.load(lease)
            current.may_backfill = may_backfill
            wait_s = session.wait_s(current) or _wait_for_quickness(current)
            if not wait_s and not lease.has_room(lease.cause):
                wait_s = _wait_for_room(current)
            action = None
            if not wait_s and not current.is_busy_only and not current.mirror.failures:
                action = planning.next_action(current)
    except CannotRun as rest:
        return _record_rest(lease, rest)
    if wait_s:
        return _released(lease, wait_s=wait_s)
    try:
        return _work(current, action)
    except pulling.HandOver:
        leases.release(lease, has_pulled=False, is_done=False)
        return Ended.HANDED_OVER
    except (protocol.ProviderError, pulling.AccessReduced) as error:
        return _record_failure(current, error)
    except IntegrityError:
        log.exception("mirror %s: somebody else wrote the same row", lease.mirror_id)
        return _released(lease, wait_s=LEASE_FULL_WAIT_S)


def _released(lease: Lease, *, wait_s: float) -> Ended:
    """Ends a run that has done nothing that counts as done."""
    return Ended(leases.release(lease, has_pulled=False, is_done=False, wait_s=wait_s))


def _work(current: Session, action: planning.Action | None) -> Ended:
    lease = current.lease
    if current.is_busy_only:
        busy.refresh(current)
        with tenant(current.account_id):
            leases.confirm(lease)
            planning.next_action(current)  # says on each waiting edit that it cannot be sent
        return _finish(current, has_pulled=True)
    if current.mirror.failures or planning.is_doubted(action):
        # the calendar itself has to answer before anything is written to it or believed to be gone from it
        pulling.pull(current)
        _push_what_is_due(current)
        return _finish(current, has_pulled=True)
    pushing.push(current, action)
    if lease.is_pull_due:
        pulling.pull(current)
        if current.has_news or current.skipped or current.has_leftovers:
            current.skipped.clear()
            _push_what_is_due(current)
    return _finish(current, has_pulled=lease.is_pull_due)


def _push_what_is_due(current: Session) -> None:
    with tenant(current.account_id):
        leases.confirm(current.lease)
        action = planning.next_action(current)
    pushing.push(current, action)


def _finish(current: Session, has_pulled: bool) -> Ended:
    """Records success and when to look next; a push-only run of a healthy mirror writes nothing to the mirror."""
    mirror = current.mirror
    slowness.judge(current)
    current.rests_for = current.rests_for or (slowness.CODE if current.is_slow else "")
    check_s = None
    if has_pulled or mirror.failures or mirror.error_code or current.rests_for:
        with tenant(current.account_id):
            values = _healthy_values(current) | (
                {"last_sync_at": clock.now(), "stale_told_at": None} if has_pulled else {}
            )
            Mirror.objects.filter(pk=mirror.pk).update(**values)
            if values["state"] != mirror.state or mirror.error_code != values["error_code"]:
                history.refresh_pages("connections")
            check_s = _next_check_s(mirror, values["state"]) if has_pulled else None
    if has_pulled and current.has_found and current.has_channel and current.lease.cause is Rank.TIMER:
        channels.mark_missed(mirror.pk)
    if current.has_recovered:
        session.recovered(current)
    if current.rests_for == Rest.BUDGET:
        wait_s = budget.wait_s()
        return Ended(leases.release(current.lease, has_pulled=has_pulled, is_done=False, wait_s=wait_s))
    waits = [WAITING_S] if current.has_waiting else []
    waits += [current.rests_s] if current.rests_s else []
    if waits:
        check_s = min([*waits, check_s or CHECK_ACTIVE_S])
    ended = Ended(leases.release(current.lease, has_pulled=has_pulled, is_done=True, next_check_s=check_s))
    whereabouts.wake_former(current)
    if has_pulled:
        whereabouts.wake_waiting(current)
    return ended


def _healthy_values(current: Session) -> dict[str, object]:
    mirror = current.mirror
    state = MirrorState.HELD if current.has_held else MirrorState.LIVE if current.has_channel else MirrorState.POLLING
    if mirror.first_synced_at is None and not current.is_busy_only:
        state = MirrorState.FIRST_SYNC
    return {"state": state, "failures": 0, **_error_values(current.rests_for)}


def _error_values(rests_for: str) -> dict[str, object]:
    """What the card says of a mirror that works, or that waits for no fault of its own."""
    if not rests_for:
        return {"error_code": "", "error_message": "", "error_action": ""}
    return {"error_code": rests_for, "error_message": _rests_for(Rest(rests_for)), "error_action": Remedy.WAIT}


def _wait_for_room(current: Session) -> float:
    """Nothing of this rank may be asked just now: says so on the card, and answers the seconds to wait."""
    if current.mirror.error_code != Rest.BUDGET:
        Mirror.objects.filter(pk=current.mirror.pk).update(**_error_values(Rest.BUDGET))
    return budget.wait_s()


def _wait_for_quickness(current: Session) -> float:
    """The same while Google answers this user slowly: so many seconds, none for a person's edit."""
    wait_s = slowness.pause_s(current)
    if wait_s and current.mirror.error_code != slowness.CODE:
        Mirror.objects.filter(pk=current.mirror.pk).update(**_error_values(slowness.CODE))
    return wait_s


def _next_check_s(mirror: Mirror, state: object) -> float:
    """Seconds until the next safety check, with jitter: polled mirrors often, live ones seldom."""
    now = clock.now()
    is_viewed = mirror.viewed_at is not None and now - mirror.viewed_at < VIEWED_FOR
    is_active = any(at is not None and now - at < ACTIVE_FOR for at in (mirror.viewed_at, mirror.last_change_at))
    if state == MirrorState.POLLING:
        return ids.jitter(POLL_VIEWED_S if is_viewed or _is_needed(mirror) else POLL_S, 0.1)
    return ids.jitter(CHECK_ACTIVE_S if is_active else CHECK_QUIET_S)


def _is_needed(mirror: Mirror) -> bool:
    """Whether somebody outside relies on it, as visitors of a booking page do."""
    answers: list[tuple[Any, Any]] = need_asked.send(sender=Mirror, calendars=[mirror.calendar_id])
    return any(mirror.calendar_id in found for _receiver, found in answers)


def _record_rest(lease: Lease, rest: CannotRun) -> Ended:
    """The mirror cannot run now; what is pending stays pending."""
    with tenant(lease.account_id):
        mirrors = Mirror.objects.filter(pk=lease.mirror_id)
        mirrors.exclude(state__in=[rest.state, MirrorState.ACCESS_REDUCED, MirrorState.UNAVAILABLE]).update(
            state=rest.state
        )
        if rest.error is not None:
            said = {"error_message": _in_words(rest.error), "error_action": Remedy.TELL_OPERATOR}
            if mirrors.exclude(error_code=rest.error.reason).update(error_code=rest.error.reason, **said):
                history.refresh_pages("connections")
    _released(lease, wait_s=SEALED_S if rest.error else CHECK_QUIET_S)
    return Ended.RESTS


def _record_failure(current: Session, error: protocol.ProviderError | pulling.AccessReduced) -> Ended:
    """Records what went wrong in words, and when to try again."""
    mirror = current.mirror
    if isinstance(error, protocol.Transient) and error.reason == Reason.BUDGET:
        with tenant(current.account_id):
            return _released(current.lease, wait_s=_wait_for_room(current))
    slowness.judge(current)
    failures = mirror.failures + 1
    state, wait_s, action = _decide_retry(current, error, failures)
    reason = getattr(error, "reason", "") or type(error).__name__
    with tenant(current.account_id):
        values: dict[str, object] = {"failures": failures, "error_code": reason[:60], "error_action": action}
        values["error_message"] = _in_words(error)
        if current.is_slow and action == Remedy.WAIT and isinstance(error, protocol.Transient):
            values |= _error_values(slowness.CODE)
        if state:
            values["state"] = state
        if isinstance(error, pulling.AccessReduced) and error.access in session.ACCESS_ORDER:
            seen = DiscoveredCalendar.objects.filter(connection=current.connection, remote_id=mirror.remote_id)
            seen.update(access=error.access)
        Mirror.objects.filter(pk=mirror.pk).update(**values)
        if state in stranding.LOST and state != mirror.state:
            notices.tell(mirror, state)
        if state in stranding.LOST:
            stranding.strand(mirror)
        if isinstance(error, protocol.RateLimited):
            session.slow_down(current, clock.now() + timedelta(seconds=wait_s))
        elif isinstance(error, protocol.WritesPaused):
            session.pause_writes(current)
        elif isinstance(error, protocol.OperatorError):
            session.trip(current, reason, clock.now() + timedelta(seconds=wait_s))
        history.refresh_pages("connections")
    log.info("mirror %s: %s, next attempt in %.0f s", mirror.uuid, reason, wait_s)
    _released(current.lease, wait_s=wait_s)
    return Ended.RESTS


def _decide_retry(
    current: Session, error: protocol.ProviderError | pulling.AccessReduced, failures: int
) -> tuple[str, float, str]:
    """(state on the card or "", seconds to wait, the action that helps) for a failure."""
    match error:
        case pulling.AccessReduced():
            return MirrorState.ACCESS_REDUCED, CHECK_QUIET_S, Remedy.CONFIRM_ACCESS
        case protocol.GrantDead():
            from conversa_calendar.connections import tokens

            tokens.mark_dead(current.account_id, current.connection.pk, error.reason)
            return MirrorState.RECONNECT_NEEDED, CHECK_QUIET_S, Remedy.RECONNECT
        case protocol.AccessLost():
            return "", LEASE_FULL_WAIT_S, Remedy.WAIT
        case protocol.NotFound() | protocol.Gone() | protocol.Forbidden():
            is_sure = failures >= 3
            return (
                (MirrorState.UNAVAILABLE if is_sure else ""),
                (CHECK_QUIET_S if is_sure else 20.0 * failures),
                Remedy.LOOK_AT_GOOGLE,
            )
        case protocol.WritesPaused():
            return "", LEASE_FULL_WAIT_S, Remedy.WAIT  # reading goes on at once
        case protocol.RateLimited():
            return "", error.retry_after_s or backoff.delay_s(failures, base_s=8.0), Remedy.WAIT
        case protocol.Sealed():
            return MirrorState.PAUSED, SEALED_S, Remedy.TELL_OPERATOR
        case protocol.OperatorError():
            return "", backoff.delay_s(current.project_failures + 1, base_s=60.0), Remedy.TELL_OPERATOR
        case protocol.Transient():
            is_own_end = error.reason in {Reason.LEASE_ENDS, Reason.RENEWING}
            asked_wait_s = min(error.retry_after_s or 0.0, CHECK_QUIET_S)
            return "", (LEASE_FULL_WAIT_S if is_own_end else asked_wait_s or backoff.delay_s(failures)), Remedy.WAIT
        case _:
            return "", backoff.delay_s(failures, base_s=30.0), Remedy.CHECK


def _in_words(error: Exception) -> str:
    match error:
        case pulling.AccessReduced():
            return _("Google now shows less of this calendar than before. Nothing was changed here.")
        case protocol.GrantDead():
            return _("Google ended this authorisation. Reconnect the account; nothing is lost.")
        case protocol.AccessLost():
            return _("Google takes no changes to this calendar just now; how much it may be used is being asked.")
        case protocol.NotFound() | protocol.Gone() | protocol.Forbidden():
            return _("Google does not show this calendar any more: it was deleted or is no longer shared. Events stay.")
        case protocol.WritesPaused():
            return _rests_for(Rest.WRITES_PAUSED)
        case protocol.Transient(reason=Reason.GRANT_DOUBTED):
            return _(
                "Google refused to renew the authorisation; it is asked once more in a minute before it is believed."
            )
        case protocol.RateLimited():
            return _("Google asks for fewer requests; it goes on by itself.")
        case protocol.Sealed():
            return presenting.key_missing()
        case protocol.OperatorError():
            return _rests_for(Rest.PROJECT)
        case _:
            return _("Google had trouble; it is tried again by itself.")


def _rests_for(rest: Rest) -> str:
    """Why a mirror waits for no fault of its own."""
    match rest:
        case Rest.BUDGET:
            return _(
                "This service has used its share of Google's quota for the moment; it goes on by itself within a minute."
            )
        case Rest.SLOW:
            return _(
                "Google answers slowly. It is asked less often until it is quicker again; edits are tried first. Nothing is lost."
            )
        case Rest.WRITES_PAUSED:
            return _("Google has paused writing for this account for some hours. Reading goes on; edits wait.")
        case Rest.PROJECT:
            return _("Google refuses this installation. Only the operator can repair that.")
    assert_never(rest)
