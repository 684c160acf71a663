"""Names: one line, nothing hidden, nothing to click on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversa_calendar.domain import names


@pytest.mark.parametrize(
    "text",
    [
        "Win at https://evil.example",
        "HTTP://EVIL",
        "www.evil.example",
        "evil.com",
        "see evil.example/now",
        "pay.evil.shop",
        "javascript:alert(1)",
        "ｈｔｔｐｓ://evil.example",
        "vera@else.example evil.com",
    ],
)
def test_a_name_with_a_link_is_none(text: str) -> None:
    with pytest.raises(names.HasLink):
        names.name(text)


@pytest.mark.parametrize(
    "text",
    [
        "Vera Visitor",
        "J. R. R. Tolkien",
        "Dr.Smith",
        "Ana d'Ávila-Nunes",
        "vera@else.example",
        "山田 太郎",
        "Company S.A.",
        "Q&A: 1/2",
    ],
)
def test_names_of_people_stay_as_they_are(text: str) -> None:
    assert names.name(text) == text


def test_line_breaks_and_hidden_characters_become_blanks() -> None:
    assert names.name(" Vera\r\nBEGIN:VALARM\x00\u202eVisitor\u2028 x ") == "Vera BEGIN:VALARM Visitor x"
    assert names.name("n" * 500) == "n" * 120


@given(st.text())
def test_whatever_is_typed_a_name_is_one_visible_line(text: str) -> None:
    tidied = names.tidy(text)
    assert len(tidied) <= names.LONGEST and tidied == names.tidy(tidied)
    assert len(tidied.splitlines()) <= 1 and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in tidied)


@given(st.text())
def test_of_several_lines_only_the_breaks_are_kept(text: str) -> None:
    kept = names.lines(text, 2000)
    assert all(c == "\n" or (ord(c) >= 32 and not 127 <= ord(c) < 160) for c in kept)
    assert all(line.startswith("    ") for line in names.quoted("Q", kept).split("\n")[1:])
