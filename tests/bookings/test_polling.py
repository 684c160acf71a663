"""Where Google does not push, a calendar that visitors book by is read every minute."""

from datetime import timedelta
from typing import Any

import pytest

from conversa_calendar.kit import clock
from conversa_calendar.sync.models import MirrorRun
from tests.bookings.test_bookings import ANA, make_page, mirrored_page
from tests.support.cast import Cast
from tests.support.google import Google

MINUTE = timedelta(seconds=61)


def _waits(google: Google) -> timedelta:
    google.check()
    at = MirrorRun.objects.get().next_check_at
    assert at is not None
    return at - clock.now()


@pytest.mark.parametrize("role", ["destination", "busy time"])
def test_a_calendar_that_a_published_page_depends_on_is_polled_every_minute(
    google: Google, cast: Cast, role: str
) -> None:
    if role == "destination":
        page, _ana = mirrored_page(google, cast)
    else:
        google.person(ANA)
        google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
        page = make_page(cast.alice)
    assert _waits(google) < MINUTE
    cast.alice.patch(f"booking-pages/{page['id']}", {"is_published": False})
    assert _waits(google) > MINUTE


def test_publishing_a_page_is_felt_at_once(google: Google, cast: Cast) -> None:
    google.person(ANA)
    google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    assert _waits(google) > MINUTE
    values: dict[str, Any] = make_page(cast.alice)
    at = MirrorRun.objects.get().next_check_at
    assert values["is_published"] and at is not None and at <= clock.now()
