"""All sync of an installation rests and goes on, by its operator (promise 25). What is pending stays pending."""

from django.db.models import F

from conversa_calendar.connections.models import Breaker
from conversa_calendar.domain.vocabulary import BreakerName
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import MirrorRun

HALTED = BreakerName.HALTED


def is_halted() -> bool:
    """Whether the operator lets everything rest."""
    return Breaker.objects.filter(name=HALTED).exists()


def pause() -> None:
    """From now on no run begins, and what is under way stores nothing more."""
    values = {"open_until": clock.now(), "reason": "paused by the operator"}
    Breaker.objects.update_or_create(name=HALTED, defaults=values)
    MirrorRun.objects.update(fence=F("fence") + 1, leased_until=None)


def resume() -> int:
    """Everything goes on at the dispatcher's next round; answers how many mirrors."""
    Breaker.objects.filter(name=HALTED).delete()
    active = MirrorRun.objects.filter(is_active=True)
    return active.update(next_attempt_at=None, next_check_at=None)
