"""The doctor: the chain from the database to the notification address, link by link, each with what helps."""

from datetime import datetime, timedelta
from typing import assert_never

import msgspec
import urllib3
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections import readiness
from conversa_calendar.connections.models import Breaker, Connection
from conversa_calendar.domain.vocabulary import ConnectionState, MirrorState
from conversa_calendar.kit import clock
from conversa_calendar.sync.explain import presenting
from conversa_calendar.sync.mirrors import selection
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import halting
from conversa_calendar.sync.run.session import PROJECT

CLOCK_SKEW_S = 60
LATE = timedelta(hours=2)
REACH_S = 3.0


class Finding(msgspec.Struct, frozen=True):
    """One link of the chain. A hint is worth knowing, not a fault.

    `action` is what one button may do about it: "connect", "reconnect" or "choose" (`target` a connection), "check_now",
    "deep_check", "resume", "watch" or "held" (a mirror), "assign" or "show" (a calendar), "trash", "remove_copy" (an
    event), or none.
    """

    what: str
    is_good: bool
    says: str
    is_hint: bool = False
    action: str = ""
    target: str = ""


def examine() -> list[Finding]:
    """Every check of the installation and of each account, in the order in which one cause hides the next."""
    found = installation()
    if not is_ready(found):
        return found
    for account in Account.objects.order_by("id"):
        with tenant(account.pk):
            found += [
                msgspec.structs.replace(finding, what=f"{account.name}: {finding.what}")
                for finding in account_findings()
            ]
    return found


def is_ready(found: list[Finding]) -> bool:
    """Whether what everything else rests on holds, so that there is anything to look at. Keys alone do not hide the
    rest."""
    names = {name for about, name in _names().items() if about != readiness.KEYS}
    return all(finding.is_good for finding in found if finding.what in names)


def at(moment: datetime) -> str:
    """A moment as whoever asks reads it, in their own time zone."""
    return date_format(timezone.localtime(moment), "j M Y H:i")


def installation() -> list[Finding]:
    """What all accounts share. Asks the public address, so it may not run inside a transaction."""
    found = [_finding(answer) for answer in readiness.answers()]
    if not is_ready(found):
        return found
    found += [_clock(), workers(), google_client(), public_address(), _mail()]
    if halting.is_halted():
        says = _("rests: its operator paused it. conversa-calendar resume lets it go on; nothing is lost.")
        found.append(Finding(_("Sync"), False, says))
    return found


def account_findings() -> list[Finding]:
    """Every connection and mirror of the scope's account."""
    found = [connected(held) for held in Connection.objects.order_by("id")]
    mirrors = Mirror.objects.filter(is_selected=True).select_related("calendar", "connection")
    return found + [mirrored(mirror) for mirror in mirrors.order_by("id")]


def connected(shown: Connection) -> Finding:
    state = ConnectionState(shown.state)
    match state:
        case ConnectionState.ACTIVE:
            if not shown.is_openable:
                return Finding(shown.email, False, presenting.key_missing())
            if shown.is_resting:
                return Finding(shown.email, False, selection.owner_left(shown))
            return Finding(shown.email, True, _("connected"))
        case ConnectionState.DISCONNECTING:
            return Finding(shown.email, False, _("is being disconnected"), is_hint=True)
        case ConnectionState.RECONNECT_NEEDED:
            says = _("Google ended the authorisation. Reconnect the account; nothing is lost.")
            return Finding(shown.email, False, says, action="reconnect", target=str(shown.uuid))
    assert_never(state)


def mirrored(shown: Mirror) -> Finding:
    """One mirror: its state, what it waits for, whether it is late."""
    name, target = shown.calendar.name, str(shown.uuid)
    if shown.connection is not None and shown.connection.state != ConnectionState.ACTIVE:
        return Finding(name, False, _("waits until its Google account is connected again"), is_hint=True)
    if shown.connection is not None and shown.connection.is_resting:
        return Finding(name, False, selection.owner_left(shown.connection), is_hint=True)
    if shown.is_paused:
        return Finding(name, False, _("was paused by a person"), action="resume", target=target)
    if shown.state == MirrorState.HELD:
        return Finding(name, False, _("holds deletions until a person decides"), action="held", target=target)
    if shown.error_message:
        return Finding(name, False, presenting.in_language(shown.error_message), action="check_now", target=target)
    if shown.state == MirrorState.FIRST_SYNC:
        counts = {"events": shown.progress_events, "pages": shown.progress_pages}
        says = _("The first sync is running: %(events)s events in %(pages)s pages so far.") % counts
        return Finding(name, True, says)
    run = MirrorRun.objects.filter(mirror_id=shown.pk).first()
    last = shown.last_sync_at
    if last is None or (run is not None and run.is_active and last < clock.now() - LATE):
        return Finding(name, False, _("was not checked for two hours"), action="check_now", target=target)
    if shown.state not in {MirrorState.LIVE, MirrorState.POLLING}:
        return Finding(name, False, _("is not available at Google"), action="check_now", target=target)
    return Finding(name, True, _("works; last checked %(at)s") % {"at": at(last)})


def workers() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '60 seconds'"
        )
        row = cursor.fetchone()
    count = int(row[0]) if row else 0
    says = _("%(count)s running") % {"count": count} if count else _("none is running: start conversa-calendar worker")
    return Finding(_("Workers"), count > 0, says)


def google_client() -> Finding:
    is_set = bool(settings.GOOGLE_CLIENT_ID and settings.GOOGLE_CLIENT_SECRET)
    unset = _(
        "The operator has to set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET; conversa-calendar google-setup helps."
    )
    refused = Breaker.objects.filter(name=PROJECT, open_until__gt=clock.now()).first()
    if is_set and refused is not None:
        says = _("Google refuses this installation (%(reason)s); it is asked again at %(at)s.")
        return Finding(_("Google client"), False, says % {"reason": refused.reason, "at": at(refused.open_until)})
    return Finding(_("Google client"), is_set, _("is set") if is_set else unset)


def public_address() -> Finding:
    """Whether Google could notify us. Calls the address."""
    what, address = _("Public address"), settings.PUBLIC_URL
    if not address:
        says = _("PUBLIC_URL is not set: Google cannot notify, so calendars are checked every few minutes.")
        return Finding(what, False, says, is_hint=True)
    if not address.startswith("https://"):
        says = _(
            "%(address)s is not https; Google notifies https addresses only and else has to be asked every few minutes."
        )
        return Finding(what, False, says % {"address": address}, is_hint=True)
    if not _answers(f"{address}/healthz"):
        return Finding(what, False, _("%(address)s does not answer from here.") % {"address": address})
    return Finding(what, True, _("%(address)s answers") % {"address": address})


def _answers(address: str) -> bool:
    try:
        answer = urllib3.request("GET", address, timeout=REACH_S, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


def _finding(answer: readiness.Answer) -> Finding:
    return Finding(_names()[answer.about], answer.is_good, answer.says)


def _names() -> dict[str, str]:
    return {
        readiness.DATABASE: _("Database"),
        readiness.ROLE: _("Database role"),
        readiness.MIGRATIONS: _("Migrations"),
        readiness.KEYS: _("Encryption keys"),
    }


def _clock() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    skew_s = abs((row[0] - clock.now()).total_seconds()) if row else 0.0
    says = _("%(seconds)s s apart from the database") % {"seconds": f"{skew_s:.0f}"}
    return Finding(_("Clock"), skew_s < CLOCK_SKEW_S, says)


def _mail() -> Finding:
    is_real = settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
    says = _("goes out by SMTP") if is_real else _("is only written to a folder or the console (EMAIL_URL)")
    return Finding(_("Mail"), is_real, says, is_hint=True)
