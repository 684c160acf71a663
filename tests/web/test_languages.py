"""Every text is translated whole, and pages, mails and visitors get their language."""

import re
from pathlib import Path

import pytest
from babel.messages import pofile
from django.conf import settings
from django.test import Client

import conversa_calendar
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import views
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.dashboard.help_views import TOPICS
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import Cast
from tools.build_locale import texts

PACKAGE = Path(conversa_calendar.__file__).parent
CATALOGUES = {"pt-br": "pt_BR", "es": "es"}


@pytest.mark.parametrize("code", CATALOGUES)
def test_a_catalogue_has_every_text_and_no_other(code: str) -> None:
    path = PACKAGE / "locale" / CATALOGUES[code] / "LC_MESSAGES" / "django.po"
    with path.open("rb") as source:
        known = {m.id: m.string for m in pofile.read_po(source) if m.id}
    asked = set(texts())
    assert asked - known.keys() == set(), "to be translated"
    assert known.keys() - asked == set(), "no longer used"
    holes = re.compile(r"%\(\w+\)s|%s|</?\w+>")
    for one, its in known.items():
        originals, translations = ((one,), (its,)) if isinstance(one, str) else (one, its)
        assert len(translations) == len(originals), one
        for original, translated in zip(originals, translations, strict=True):
            assert translated.strip(), original
            assert sorted(holes.findall(original)) == sorted(holes.findall(translated)), original


def test_a_member_chooses_a_language_and_pages_follow(cast: Cast) -> None:
    browser = cast.alice.browser()
    assert b"Booking" in browser.get("/bookings").content and b'lang="en"' in browser.get("/bookings").content
    form = browser.get("/settings").content.decode().partition('action="/settings/profile"')[2].partition("</form>")[0]
    assert '<option value="pt-br"' in form
    browser.post("/settings/profile", {"name": "Alice", "time_zone": "", "language": "pt-br"})
    with tenant(cast.account.pk):
        assert Member.objects.get(pk=cast.alice.member.pk).language == "pt-br"
    shown = browser.get("/bookings").content.decode()
    assert "Agendamentos" in shown and 'lang="pt-br"' in shown and "Upcoming" not in shown
    browser.post("/settings/profile", {"name": "Alice", "time_zone": "", "language": "tlh"})
    assert b'lang="en"' in browser.get("/bookings").content


@pytest.mark.parametrize(
    ("code", "form", "subject"), [("es", "Su nombre", "Reservado: "), ("pt-BR", "Seu nome", "Agendado: ")]
)
def test_visitors_get_pages_and_mails_in_their_language(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, code: str, form: str, subject: str
) -> None:
    monkeypatch.setattr(views, "HUMAN_S", 0.0)
    page, browser = make_page(cast.alice), Client(headers={"accept-language": code})
    path = f"/book/{page['slug']}/form?start={text(soon())}&zone=Europe/Madrid"
    shown = browser.get(path).content.decode()
    assert form in shown and "Your name" not in shown
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown))
    assert browser.post(f"/book/{page['slug']}/form", hidden | VISITOR).status_code == 302
    with tenant(cast.account.pk):
        told = OutgoingMail.objects.get(to=VISITOR["email"])
        host = OutgoingMail.objects.exclude(to=VISITOR["email"]).get()
    assert told.subject.startswith(subject) and host.subject.startswith("New booking")


def test_the_api_speaks_english_whoever_asks(cast: Cast) -> None:
    with tenant(cast.account.pk):
        Member.objects.filter(pk=cast.alice.member.pk).update(language="es")
    answer = cast.alice.call("POST", "booking-pages", {"title": ""})
    assert answer.json()["detail"] == "A page needs a title."
    assert dict(settings.LANGUAGES).keys() == {"en", *CATALOGUES}


@pytest.mark.parametrize("code", CATALOGUES)
def test_every_topic_of_the_guide_speaks_the_readers_language(cast: Cast, code: str) -> None:
    with tenant(cast.account.pk):
        Member.objects.filter(pk=cast.bob.member.pk).update(language=code)
    browser = cast.bob.browser()
    for topic in TOPICS:
        page = browser.get(f"/help/{topic}").content.decode()
        assert f'max-w-prose" lang="{code}"' in page, topic
