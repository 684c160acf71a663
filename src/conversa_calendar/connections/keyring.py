"""The proof that the keys at hand are those that sealed what is stored.

For each key that seals something the database holds one value sealed with it. A key that is missing, or another one
under the same name, is noticed before any credential is needed.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.connections import sealing
from conversa_calendar.connections.models import Connection, KeyProof
from conversa_calendar.connections.signals import key_forgotten


@dataclass(frozen=True)
class Keys:
    """What is wrong with the keys at hand: names of missing ones, and of ones that are not what they were."""

    missing: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is wrong and what helps; empty when nothing is."""
        said = []
        if self.missing:
            said.append(
                _(
                    "The key “%(key)s” seals stored credentials and is not among ENCRYPTION_KEYS: put it back. If it is "
                    "lost for good, conversa-calendar forget-key %(key)s asks everybody concerned to reconnect."
                )
                % {"key": self.missing[0]}
            )
        if self.wrong:
            said.append(
                _(
                    "The key “%(key)s” in ENCRYPTION_KEYS is not the one that sealed the stored credentials: put back the "
                    "former one, and give a new key a new name."
                )
                % {"key": self.wrong[0]}
            )
        return " ".join(said)


def prove() -> Keys:
    """Compares the keys at hand with what is stored; reads one small table."""
    at_hand = dict(settings.ENCRYPTION_KEYS)
    proofs = list(KeyProof.objects.order_by("key_id"))
    missing = tuple(proof.key_id for proof in proofs if proof.key_id not in at_hand)
    wrong = tuple(
        p.key_id for p in proofs if p.key_id in at_hand and p.sealed and not _opens(p.sealed, _place(p.key_id))
    )
    return Keys(missing, wrong)


def enrol() -> None:
    """Stores the proof of the active key, from now on that of whatever it seals."""
    key_id = settings.ENCRYPTION_KEYS[0][0]
    if not KeyProof.objects.filter(key_id=key_id).exists():
        KeyProof.objects.get_or_create(key_id=key_id, defaults={"sealed": sealing.seal(key_id, _place(key_id))})


def prove_unproven() -> Keys:
    """At a start: keys whose use is known but of which there is no proof yet open one stored credential each."""
    at_hand = dict(settings.ENCRYPTION_KEYS)
    wrong = []
    for proof in KeyProof.objects.filter(sealed="", key_id__in=at_hand):
        if not _opens_a_credential(proof.key_id):
            wrong.append(proof.key_id)
            continue
        sealed = sealing.seal_with(proof.key_id, proof.key_id, _place(proof.key_id))
        KeyProof.objects.filter(pk=proof.pk).update(sealed=sealed)
    return Keys((), tuple(wrong))


def drop_all_but_active() -> None:
    """After everything was sealed anew: the other keys are needed no more."""
    enrol()
    KeyProof.objects.exclude(key_id=settings.ENCRYPTION_KEYS[0][0]).delete()


def forget(key_id: str) -> int:
    """Gives up what a lost key sealed: those connections ask to be reconnected, and nothing else is lost. Answers how
    many."""
    from conversa_calendar.connections import tokens

    count = 0
    for account_id in Account.objects.order_by("pk").values_list("pk", flat=True):
        with tenant(account_id):
            rows = list(Connection.objects.filter(_sealed_with(key_id)))
            Connection.objects.filter(pk__in=[row.pk for row in rows]).update(
                sealed_refresh_token="", sealed_access_token="", access_expires_at=None
            )
            for row in rows:
                tokens.mark_dead(account_id, row.pk, tokens.KEY_LOST)
            key_forgotten.send(sender=Connection, key_id=key_id)
            if rows:
                history.refresh_pages("connections")
        count += len(rows)
    KeyProof.objects.filter(key_id=key_id).delete()
    return count


def _opens_a_credential(key_id: str) -> bool:
    """Whether a stored credential that the key is said to have sealed opens; yes when there is none."""
    for account_id in Account.objects.order_by("pk").values_list("pk", flat=True):
        with tenant(account_id):
            found = Connection.objects.filter(sealed_refresh_token__startswith=f"{key_id}.").first()
            if found is not None:
                return _opens(found.sealed_refresh_token, found.place("refresh_token"))
    return True


def _sealed_with(key_id: str) -> Q:
    return Q(sealed_refresh_token__startswith=f"{key_id}.") | Q(sealed_access_token__startswith=f"{key_id}.")


def _place(key_id: str) -> str:
    return f"key:{key_id}"


def _opens(sealed: str, place: str) -> bool:
    try:
        sealing.unseal(sealed, place)
    except sealing.SealBroken:
        return False
    return True
