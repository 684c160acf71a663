"""Every word that stands in a row belongs to a closed set, which the database holds; nobody can write a misspelt one."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import translation

from conversa_calendar.accounts.vocabulary import SUFFIX
from conversa_calendar.dashboard.templatetags import conversa
from conversa_calendar.domain.vocabulary import Cause, DeletedBy, MirrorState, Notify, Side, SyncState

SHORT = 20
"""Columns of so few characters hold words, unless they are named here."""
FREE = {
    "accounts.apitoken.hint": "the last characters of a token",
    "accounts.member.language": "a language's code; which there are is a setting",
    "bookings.booking.language": "a language's code",
    "bookings.bookingpage.color": "a colour",
    "bookings.bookingpage.language": "a language's code",
    "calendars.calendar.color": "a colour",
    "calendars.change.kind": "what readers of the feed are told; a kind that they do not know is passed over",
    "calendars.change.what": "the same",
    "calendars.event.original_key": "a time",
    "calendars.occurrence.original_key": "a time",
    "calendars.outgoingmail.method": "a word of iTIP",
    "calendars.outgoingmail.topic": "whoever builds mails registers its topic",
    "calendars.ring.method": "the provider's word for how to remind",
    "calendars.ring.original_key": "a time",
    "connections.connection.provider": "whoever adds a provider names it",
    "connections.discoveredcalendar.color": "a colour",
    "formats.feed.hint": "the last characters of an address",
    "formats.importedevent.key": "a time",
    "formats.importstep.key": "a time",
    "formats.mailanswer.key": "a time",
    "formats.mailanswer.method": "a word of iTIP",
    "formats.proposal.key": "a time",
    "sync.link.original_key": "a time",
    "sync.mirror.provider": "whoever adds a provider names it",
}


KEYWORDS = {"cause": Cause, "side": Side, "sync_state": SyncState, "deleted_by": DeletedBy, "notify": Notify}
SOURCE = Path(__file__).parents[2] / "src" / "conversa_calendar"


def own_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("conversa_calendar.")]


def vocabularies() -> Iterator[tuple[type[models.Model], str, str]]:
    """Every column that holds words, with the key inside of it where it is JSON, and the constraint's name."""
    for model in own_models():
        for constraint in model._meta.constraints:
            if constraint.name.endswith(SUFFIX):
                yield (
                    model,
                    constraint.name.removeprefix(f"{model._meta.model_name}_").removesuffix(SUFFIX),
                    constraint.name,
                )


@pytest.mark.parametrize(("model", "place", "name"), [pytest.param(*found, id=found[2]) for found in vocabularies()])
def test_a_misspelt_word_is_refused_by_the_database(db: None, model: type[models.Model], place: str, name: str) -> None:
    column, _, key = place.partition("__")
    value = json.dumps({key: "lvie"}) if key else "lvie"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE spelled (LIKE {model._meta.db_table} INCLUDING CONSTRAINTS) ON COMMIT DROP")
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'spelled'::regclass AND attnum > 0 AND attnotnull"
        )
        for (other,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE spelled ALTER COLUMN "{other}" DROP NOT NULL')
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            cursor.execute(f'INSERT INTO spelled ("{column}") VALUES (%s)', [value])


def test_every_word_in_the_code_is_one_of_its_vocabulary() -> None:
    unknown = [
        f"{path.name}:{word.value.lineno}: {word.arg}={word.value.value}"
        for path in SOURCE.rglob("*.py")
        for word in ast.walk(ast.parse(path.read_text()))
        if isinstance(word, ast.keyword) and word.arg in KEYWORDS and isinstance(word.value, ast.Constant)
        if word.value.value not in list(KEYWORDS[word.arg])
    ]
    assert unknown == []


def test_every_short_column_holds_words_or_says_why_not() -> None:
    closed = {(model, place.partition("__")[0]) for model, place, _name in vocabularies()}
    loose = {
        f"{model._meta.label_lower}.{field.name}"
        for model in own_models()
        for field in model._meta.local_fields
        if isinstance(field, models.CharField) and (field.max_length or SHORT + 1) <= SHORT
        if (model, field.name) not in closed
    }
    assert loose == set(FREE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (Cause, conversa.cause_words),
        (MirrorState, conversa.state_words),
        (SyncState, conversa.sync_words),
    ],
    ids=["cause", "mirror", "event"],
)
def test_people_read_every_word_in_words(words: type[Cause | MirrorState | SyncState], said: object) -> None:
    with translation.override("pt-br"):  # in English a word may be its own
        untold = [word for word in words if said(word) == word.value]  # type: ignore[operator]
    assert untold == []
