"""Which addresses are taken at all."""

import pytest

from conversa_calendar.domain import addresses

ODD = (
    '"a\x0bBEGIN:VALARM"@evil.example',
    '"x\x0cy"@evil.example',
    '"a\x1cb"@evil.example',
    '"a\x1db"@evil.example',
    '"a\x1eb"@evil.example',
    '"a:b"@evil.example',
    '"a, victim@corp.example"@evil.example',
    '"<b@c.example>"@evil.example',
    '"plain"@evil.example',
    "a\r\nbcc:b@evil.example",
    "a b@evil.example",
    "a\x85b@evil.example",
    "a\u2028b@evil.example",
    "a@evil\x0b.example",
    "a@evil\u2028.example",
    "a@evil\u00ad.example",
    "a@evil.example\n",
    "a@[127.0.0.1]",
    "a@evil",
    "a@-evil.example",
    "a@evil..example",
    ".a@evil.example",
    "a..b@evil.example",
    "é@evil.example",
    "a@b@evil.example",
    "@evil.example",
    "a",
    "",
    f"{'a' * 65}@evil.example",
    f"a@{'.'.join(['b' * 50] * 5)}.example",
)


@pytest.mark.parametrize("address", ODD)
def test_an_address_that_breaks_a_mail_is_none(address: str) -> None:
    assert not addresses.is_usable(address)


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example",
        "Ann.O'Hara+sales=x@Acme-Group.co.uk",
        "a@münchen.example",
        "a@पश्चिम.example",
        "a@xn--mnchen-3ya.example",
        "admin@localhost",
        "room_1@resource.calendar.google.com",
    ],
)
def test_what_people_write_is_taken(address: str) -> None:
    assert addresses.is_usable(address)
