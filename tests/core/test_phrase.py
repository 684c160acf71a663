"""Typed sentences in three languages; the moment is Tuesday, 24 November 2026, 10:20."""

from datetime import datetime

import pytest

from conversa_calendar.domain import phrase

NOW = datetime(2026, 11, 24, 10, 20)


@pytest.mark.parametrize(
    ("text", "summary", "start", "end"),
    [
        ("Call Bruno tomorrow 15:00-15:45", "Call Bruno", "2026-11-25T15:00", "2026-11-25T15:45"),
        ("Call Bruno tomorrow at 3pm", "Call Bruno", "2026-11-25T15:00", "2026-11-25T16:00"),
        ("Review 3-4 pm friday", "Review", "2026-11-27T15:00", "2026-11-27T16:00"),
        ("Review from 3 to 4 pm", "Review", "2026-11-24T15:00", "2026-11-24T16:00"),
        ("Lunch at noon for 45 min", "Lunch", "2026-11-24T12:00", "2026-11-24T12:45"),
        ("Standup 9:30", "Standup", "2026-11-25T09:30", "2026-11-25T10:30"),
        ("Standup today 9:30", "Standup", "2026-11-24T09:30", "2026-11-24T10:30"),
        ("Plan next Monday 10:00 for 1.5 hours", "Plan", "2026-11-30T10:00", "2026-11-30T11:30"),
        ("Tuesday 8am gym", "gym", "2026-12-01T08:00", "2026-12-01T09:00"),
        ("Release December 5th 14:00", "Release", "2026-12-05T14:00", "2026-12-05T15:00"),
        ("Release on 5 Dec 2027 at 14:00", "Release", "2027-12-05T14:00", "2027-12-05T15:00"),
        ("Review in 2 weeks at 9:00", "Review", "2026-12-08T09:00", "2026-12-08T10:00"),
        ("Party 2026-12-31 22:00 - 2:00", "Party", "2026-12-31T22:00", "2027-01-01T02:00"),
        ("Almoço com Ana sexta 12h30", "Almoço com Ana", "2026-11-27T12:30", "2026-11-27T13:30"),
        ("Reunião amanhã das 15h às 16h30", "Reunião", "2026-11-25T15:00", "2026-11-25T16:30"),
        ("Dentista 5/12 às 9", "Dentista", "2026-12-05T09:00", "2026-12-05T10:00"),
        ("Visita dia 10/1/2027 14h", "Visita", "2027-01-10T14:00", "2027-01-10T15:00"),
        ("Treino segunda-feira que vem 7h por 1h30", "Treino", "2026-11-30T07:00", "2026-11-30T08:30"),
        ("Comida con Ana el viernes a las 14:00", "Comida con Ana", "2026-11-27T14:00", "2026-11-27T15:00"),
        ("Reunión mañana de 10:00 a 11:00", "Reunión", "2026-11-25T10:00", "2026-11-25T11:00"),
        ("Médico pasado mañana 8:15 durante 30 minutos", "Médico", "2026-11-26T08:15", "2026-11-26T08:45"),
        ("Cena 3 de diciembre 21h", "Cena", "2026-12-03T21:00", "2026-12-03T22:00"),
        ("Write the report", "Write the report", "2026-11-24T11:00", "2026-11-24T12:00"),
        ("Room 12 inspection", "Room 12 inspection", "2026-11-24T11:00", "2026-11-24T12:00"),
        ("Budget 2027 review tomorrow 9:00", "Budget 2027 review", "2026-11-25T09:00", "2026-11-25T10:00"),
    ],
)
def test_a_sentence_becomes_an_event(text: str, summary: str, start: str, end: str) -> None:
    found = phrase.read(text, NOW)
    assert (found.summary, found.start, found.end) == (
        summary,
        datetime.fromisoformat(start),
        datetime.fromisoformat(end),
    )
    assert not found.is_all_day


@pytest.mark.parametrize(
    ("text", "summary", "day"),
    [
        ("Freeze all day tomorrow", "Freeze", "2026-11-25"),
        ("Holiday December 24", "Holiday", "2026-12-24"),
        ("Férias 24/12", "Férias", "2026-12-24"),
        ("Fiesta el sábado", "Fiesta", "2026-11-28"),
        ("Feriado 1 de janeiro", "Feriado", "2027-01-01"),
    ],
)
def test_a_day_without_a_time_is_taken_whole(text: str, summary: str, day: str) -> None:
    found = phrase.read(text, NOW)
    assert found.is_all_day and (found.summary, f"{found.start:%Y-%m-%d}") == (summary, day)
    assert (found.end - found.start).days == 1


def test_addresses_become_guests() -> None:
    found = phrase.read("Demo with Lia@else.example and bob@else.example tomorrow 10:00", NOW)
    assert found.summary == "Demo" and found.guests == ("lia@else.example", "bob@else.example")


@pytest.mark.parametrize(
    "text",
    ["", "99:99", "31/02", "at 45", "25pm", "2026-13-45", "9999-12-31", "31/12/0001", "in 999 weeks", "@", "𝕏 " * 500],
)
def test_nonsense_never_breaks(text: str) -> None:
    found = phrase.read(text, NOW)
    assert found.end > found.start
