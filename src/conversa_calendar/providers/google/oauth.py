"""Google's OAuth 2.0 for a web client: authorise with PKCE, exchange, refresh, revoke, verify who it was.

Authlib builds the authorisation request, joserfc verifies the id token; sending goes through our Transport.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from conversa_calendar.providers import protocol
from conversa_calendar.providers.google.transport import Request, Response, Transport

_PREFIX = "https://www.googleapis.com/auth/"
EVENTS = f"{_PREFIX}calendar.events"
CALENDAR_LIST = f"{_PREFIX}calendar.calendarlist.readonly"
FREE_BUSY = f"{_PREFIX}calendar.freebusy"
APP_CREATED = f"{_PREFIX}calendar.app.created"
REQUIRED = frozenset({EVENTS, CALENDAR_LIST})
SCOPES = ("openid", "email", EVENTS, CALENDAR_LIST, FREE_BUSY)
PERMISSION_NAMES = {
    EVENTS: "View and edit events on all your calendars",
    CALENDAR_LIST: "See the list of Google calendars you are subscribed to",
    FREE_BUSY: "View your availability in your calendars",
    APP_CREATED: "Make secondary calendars",
}
_ISSUERS = {"https://accounts.google.com", "accounts.google.com"}
_LEEWAY_S = 300


class Endpoints(msgspec.Struct, frozen=True):
    """Where Google answers. `at(origin)` takes every endpoint from one origin."""

    authorize: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token: str = "https://oauth2.googleapis.com/token"
    revoke: str = "https://oauth2.googleapis.com/revoke"
    keys: str = "https://www.googleapis.com/oauth2/v3/certs"
    calendar: str = "https://www.googleapis.com/calendar/v3"

    @classmethod
    def at(cls, origin: str) -> "Endpoints":
        origin = origin.rstrip("/")
        return cls(
            f"{origin}/o/oauth2/v2/auth",
            f"{origin}/token",
            f"{origin}/revoke",
            f"{origin}/oauth2/v3/certs",
            f"{origin}/calendar/v3",
        )


class Tokens(msgspec.Struct, frozen=True):
    """What the token endpoint granted. Its repr shows no secret."""

    access_token: str
    expires_at: datetime
    scopes: frozenset[str]
    refresh_token: str = ""
    id_token: str = ""

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at!r}, …)"


class Identity(msgspec.Struct, frozen=True):
    """Who authorised: `sub` is stable, the address may change."""

    sub: str
    email: str


class GoogleOAuth:
    """The installation's one OAuth client."""

    def __init__(
        self, transport: Transport, endpoints: Endpoints, client_id: str, client_secret: str, redirect_uri: str
    ) -> None:
        self._transport = transport
        self._endpoints = endpoints
        self._client_id = client_id
        self._client_secret = client_secret
        self.redirect_uri = redirect_uri

    def authorization_url(
        self, state: str, verifier: str, nonce: str, login_hint: str = "", extra_scopes: tuple[str, ...] = ()
    ) -> str:
        """Where to send the browser: account chooser, forced consent, offline access, PKCE S256."""
        optional = {"login_hint": login_hint} if login_hint else {}
        return str(
            prepare_grant_uri(
                self._endpoints.authorize,
                client_id=self._client_id,
                response_type="code",
                redirect_uri=self.redirect_uri,
                scope=" ".join((*SCOPES, *extra_scopes)),
                state=state,
                nonce=nonce,
                access_type="offline",
                prompt="select_account consent",
                code_challenge=create_s256_code_challenge(verifier),
                code_challenge_method="S256",
                **optional,
            )
        )

    def exchange(self, code: str, verifier: str, now: datetime) -> Tokens:
        """Redeems a code. Raises GrantDead for a used, expired or foreign one."""
        fields = {"code": code, "code_verifier": verifier, "redirect_uri": self.redirect_uri}
        return self._tokens({"grant_type": "authorization_code"} | fields, now)

    def refresh(self, refresh_token: str, now: datetime) -> Tokens:
        """A new access token. Raises GrantDead when Google ended the authorisation, Transient for all other trouble."""
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token}, now)

    def revoke(self, token: str) -> None:
        """Ends the whole grant of this Google account for the operator's project; an unknown token counts as done."""
        response = self._post(self._endpoints.revoke, {"token": token})
        if response.status == 200:
            return
        if response.status == 400 and _json(response).get("error") in {"invalid_token", "invalid_request"}:
            return
        raise protocol.Transient("Google did not confirm the revocation.", reason=str(response.status))

    def identify(self, tokens: Tokens, nonce: str, now: datetime) -> Identity:
        """Who the id token says it is, after signature, issuer, audience, expiry and nonce. Raises GrantDead."""
        request = Request(method="GET", url=self._endpoints.keys, headers={}, deadline_s=10.0)
        keys = jwk.KeySet.import_key_set(_json(self._transport.send(request)))  # type: ignore[arg-type]
        try:
            claims = jwt.decode(tokens.id_token, keys, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise protocol.GrantDead("Google's identity could not be verified.", reason="idToken") from error
        is_ours = (
            claims.get("iss") in _ISSUERS and claims.get("aud") == self._client_id and claims.get("nonce") == nonce
        )
        is_fresh = float(claims.get("exp", 0)) > now.timestamp() - _LEEWAY_S
        if not is_ours or not is_fresh or not claims.get("sub"):
            raise protocol.GrantDead("Google's identity is not for this sign-in.", reason="idToken")
        return Identity(str(claims["sub"]), str(claims.get("email", "")).lower())

    def _tokens(self, fields: dict[str, str], now: datetime) -> Tokens:
        response = self._post(self._endpoints.token, fields)
        answer = _json(response)
        if response.status != 200:
            raise _refusal(response.status, answer)
        try:
            return Tokens(
                access_token=str(answer["access_token"]),
                expires_at=now + timedelta(seconds=int(answer.get("expires_in", 3600))),
                scopes=frozenset(str(answer.get("scope", "")).split()),
                refresh_token=str(answer.get("refresh_token") or ""),
                id_token=str(answer.get("id_token") or ""),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise protocol.Transient("Google's token answer could not be read.", reason="nonsense") from error

    def _post(self, url: str, fields: dict[str, str]) -> Response:
        sent = urlencode(fields | {"client_id": self._client_id, "client_secret": self._client_secret}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return self._transport.send(Request(method="POST", url=url, headers=headers, body=sent, deadline_s=15.0))


def missing_permissions(scopes: frozenset[str]) -> list[str]:
    """The names, as Google's consent page words them, of required permissions that were not ticked."""
    return [PERMISSION_NAMES[scope] for scope in SCOPES if scope in REQUIRED and scope not in scopes]


def _refusal(status: int, answer: dict[str, Any]) -> protocol.ProviderError:
    error = str(answer.get("error", ""))
    text = str(answer.get("error_description", "")) or error
    if error == "invalid_grant":
        return protocol.GrantDead(text, reason=str(answer.get("error_subtype") or error))
    if error in {"invalid_client", "deleted_client", "unauthorized_client", "redirect_uri_mismatch"}:
        return protocol.OperatorError(f"Google refuses this installation's client: {error}.", reason=error)
    return protocol.Transient("Google's token endpoint had trouble.", reason=error or str(status))


def _json(response: Response) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
