"""Whoever comes back from Google is who a signed, fresh token for us says, and nobody else (checklist E-28)."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from joserfc import jwk, jwt

from conversa_calendar.providers.google.oauth import Endpoints, GoogleOAuth, Identity, Tokens
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.providers.protocol import GrantDead

NOW = datetime(2026, 12, 1, tzinfo=UTC)
OURS, FOREIGN = (jwk.RSAKey.generate_key(2048, {"kid": "k"}) for _key in range(2))
CLAIMS = {
    "iss": "https://accounts.google.com",
    "aud": "client",
    "nonce": "n",
    "sub": "42",
    "email": "Ana@acme.example",
    "exp": NOW.timestamp() + 3600,
}


class Keys:
    """Google's public keys."""

    is_concurrent = False

    def send(self, request: Request) -> Response:
        return Response(200, {}, msgspec.json.encode({"keys": [OURS.as_dict(private=False)]}))


def _identify(token: str) -> Identity:
    client = GoogleOAuth(Keys(), Endpoints(), "client", "secret", "https://c.example/back")
    return client.identify(Tokens("a", NOW, frozenset(), id_token=token), "n", NOW)


def _signed(claims: dict[str, Any], key: Any = OURS, algorithm: str = "RS256") -> str:
    return jwt.encode({"alg": algorithm, "kid": "k"}, claims, key)


def test_the_person_is_known_by_the_sub_of_a_token_for_us() -> None:
    assert _identify(_signed(CLAIMS)) == Identity("42", "ana@acme.example")


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"nonce": "another sign-in"},
        {"exp": NOW.timestamp() - 3600},
        {"sub": ""},
    ],
)
def test_a_token_that_was_made_for_something_else_connects_nobody(change: dict[str, Any]) -> None:
    with pytest.raises(GrantDead):
        _identify(_signed(CLAIMS | change))


def test_a_token_that_google_did_not_sign_connects_nobody() -> None:
    unsigned = "eyJhbGciOiJub25lIn0." + _signed(CLAIMS).split(".")[1] + "."
    secret = jwk.OctKey.import_key("x" * 32)
    for token in (_signed(CLAIMS, FOREIGN), unsigned, _signed(CLAIMS, secret, "HS256"), "nonsense", ""):
        with pytest.raises(GrantDead):
            _identify(token)
