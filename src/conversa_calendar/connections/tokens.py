"""Access tokens that renew themselves, one refresh at a time over all workers.

The refresh itself runs outside any transaction; a guarded claim on the connection's row keeps it single, and the token
version keeps an old answer from overwriting a newer token.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, Func, Q
from django.utils.translation import gettext as _

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.connections import gateway, keyring, sealing
from conversa_calendar.connections.models import ACTIVE, RECONNECT_NEEDED, Connection
from conversa_calendar.connections.signals import connection_died, resealing
from conversa_calendar.domain.vocabulary import Reason
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google.oauth import Tokens

LEEWAY = timedelta(seconds=90)
DOUBT = timedelta(seconds=60)
CLAIM = timedelta(seconds=25)
WAITS_MAX = 120
WAIT_S = 0.25
OWNER_LEFT = Reason.OWNER_LEFT
KEY_LOST = "keyLost"
KEY_MISSING = Reason.KEY_MISSING
DATABASE_NOW = Func(function="now", output_field=DateTimeField())
"""One clock for all workers: a claim, or a minute's doubt, means the same to each of them."""
TESTING_LIFETIME = (timedelta(days=6, hours=12), timedelta(days=8))


class Wallet:
    """The tokens of one connection for the length of a run."""

    def __init__(self, account_id: int, connection_id: int) -> None:
        self.account_id = account_id
        self.connection_id = connection_id
        self._token = ""
        self._version = -1

    def fill(self, connection: Connection) -> None:
        """Takes the token of a connection that the caller has just read, so that no further query is needed. Raises
        Transient while its owner is suspended (nobody acts with the authorisation of somebody who left), and Sealed."""
        if connection.is_resting:
            raise protocol.Transient("This Google account rests: its owner was suspended.", reason=OWNER_LEFT)
        expires_at = connection.access_expires_at
        is_fresh = expires_at is not None and expires_at > clock.now() + LEEWAY
        self._token = _opened(connection, "access_token") if is_fresh else ""
        self._version = connection.token_version

    def current(self) -> str:
        """A living access token. Raises GrantDead, Transient, Sealed, OperatorError."""
        if not self._token and self._version < 0:
            with tenant(self.account_id):
                self.fill(Connection.objects.select_related("owner").get(pk=self.connection_id))
        return self._token or self.renew()

    def renew(self) -> str:
        """A token newer than the one this wallet knows: somebody else's, or our own refresh."""
        for _attempt in range(WAITS_MAX):
            connection, is_claimed = self._claim()
            if is_claimed:
                self._token = self._refresh(connection)
                return self._token
            newer = _opened(connection, "access_token") if connection.token_version != self._version else ""
            if newer:
                self._version, self._token = connection.token_version, newer
                return self._token
            clock.sleep(WAIT_S)
        raise protocol.Transient("Another worker is still renewing this authorisation.", reason=Reason.RENEWING)

    def _claim(self) -> tuple[Connection, bool]:
        with tenant(self.account_id):
            rows = Connection.objects.select_related("owner").annotate(at=DATABASE_NOW)
            known = rows.get(pk=self.connection_id)
            now = known.at
            if self._version < 0 or known.is_resting:
                self.fill(known)
            if known.state == RECONNECT_NEEDED:
                raise protocol.GrantDead("This Google account must be reconnected.", reason=known.state)
            if known.doubted_at is not None and now < known.doubted_at + DOUBT:
                raise _doubt(known.doubted_at + DOUBT - now)
            free = Q(renewing_until=None) | Q(renewing_until__lt=now)
            claimed = Connection.objects.filter(free, pk=known.pk, token_version=self._version)
            return known, claimed.update(renewing_until=now + CLAIM) == 1

    def _refresh(self, connection: Connection) -> str:
        try:
            tokens = gateway.oauth().refresh(_opened(connection, "refresh_token"), clock.now())
        except protocol.GrantDead as error:
            self._believe(connection, error)
            raise
        except protocol.ProviderError:
            with tenant(self.account_id):
                Connection.objects.filter(pk=self.connection_id).update(renewing_until=None)
            raise
        with tenant(self.account_id):
            store(connection, tokens)
        self._version = connection.token_version
        return tokens.access_token

    def _believe(self, connection: Connection, error: protocol.GrantDead) -> None:
        """One refusal of a refresh may be a slip of Google; the second, a minute later, is believed. Raises Transient
        for the first."""
        if connection.doubted_at is not None:
            mark_dead(self.account_id, self.connection_id, error.reason)
            return
        with tenant(self.account_id):
            doubted = Connection.objects.filter(pk=connection.pk, token_version=connection.token_version)
            doubted.update(doubted_at=DATABASE_NOW, renewing_until=None)
        raise _doubt(DOUBT) from error


def for_revoking(connection: Connection) -> str:
    """What to show Google so that it ends the grant; empty when nothing is stored. Raises Sealed."""
    return _opened(connection, "refresh_token") or _opened(connection, "access_token")


def _opened(connection: Connection, field: str) -> str:
    """A stored credential in plain. Raises Sealed."""
    try:
        return str(getattr(connection, field))
    except sealing.SealBroken as error:
        raise protocol.Sealed(str(error), reason=KEY_MISSING) from error


def _doubt(wait: timedelta) -> protocol.Transient:
    return protocol.Transient(
        "Google refused to renew this authorisation; it is asked once more.",
        reason=Reason.GRANT_DOUBTED,
        retry_after_s=wait.total_seconds(),
    )


def store(connection: Connection, tokens: Tokens) -> None:
    """Seals new tokens into a connection, unless a newer one is there already."""
    keyring.enrol()
    values = {
        "sealed_access_token": sealing.seal(tokens.access_token, connection.place("access_token")),
        "access_expires_at": tokens.expires_at,
        "renewing_until": None,
        "doubted_at": None,
        "used_at": clock.now(),
        "token_version": connection.token_version + 1,
    }
    if tokens.refresh_token:
        values["sealed_refresh_token"] = sealing.seal(tokens.refresh_token, connection.place("refresh_token"))
    updated = Connection.objects.filter(pk=connection.pk, token_version=connection.token_version).update(**values)
    if updated:
        connection.token_version += 1


def mark_dead(account_id: int, connection_id: int, reason: str) -> None:
    """Turns a connection to “Reconnect needed”, once, and tells its owner and the administrators by mail."""
    with tenant(account_id):
        updated = Connection.objects.filter(pk=connection_id, state=ACTIVE).update(
            state=RECONNECT_NEEDED, state_reason=reason, renewing_until=None, notified_at=clock.now()
        )
        if not updated:
            return
        connection = Connection.objects.select_related("owner__user").get(pk=connection_id)
        _tell(connection, _diagnosis(connection, clock.now()))
        connection_died.send(Connection, connection=connection)
        history.refresh_pages("connections")


def _diagnosis(connection: Connection, now: datetime) -> str:
    if connection.state_reason == KEY_LOST:
        return _("This service lost the key that its access was kept under.")
    lived = now - connection.consented_at
    if TESTING_LIFETIME[0] <= lived <= TESTING_LIFETIME[1]:
        return _(
            "It ended about seven days after it was given: the operator's Google project is probably still in "
            "Testing, where Google ends every authorisation after a week."
        )
    return _("Google ended this authorisation: access was removed, or it was unused for too long.")


def _tell(connection: Connection, diagnosis: str) -> None:
    people: dict[str, Member] = {member.user.email: member for member in accounts.administrators()}
    if connection.owner is not None:
        people[connection.owner.user.email] = connection.owner
    for address in people:
        mail = OutgoingMail(
            to=address,
            subject=_("Reconnect needed: %(email)s") % {"email": connection.email},
            body="\n".join(
                [
                    _("Google Calendar of %(email)s is no longer connected.") % {"email": connection.email},
                    diagnosis,
                    _("Events stay here; everything resumes after reconnecting, without duplicates."),
                ]
            ),
        )
        mail.save(force_insert=True)


def reseal_all(account_id: int) -> int:
    """Seals every credential of an account with the active key; answers how many changed. Raises SealBroken."""
    changed = 0
    with tenant(account_id):
        for connection in Connection.objects.select_for_update():
            if sealing.is_current(connection.sealed_refresh_token) and sealing.is_current(
                connection.sealed_access_token
            ):
                continue
            connection.sealed_refresh_token = sealing.seal(connection.refresh_token, connection.place("refresh_token"))
            connection.sealed_access_token = sealing.seal(connection.access_token, connection.place("access_token"))
            connection.save(update_fields=["sealed_refresh_token", "sealed_access_token"])
            changed += 1
        changed += _resealed_elsewhere()
    return changed


def _resealed_elsewhere() -> int:
    answers: list[tuple[Any, Any]] = resealing.send(sender=Connection)
    return sum(int(found or 0) for _receiver, found in answers)
