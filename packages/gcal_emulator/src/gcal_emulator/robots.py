"""Service accounts: their keys, and the signed assertions that they trade for access tokens (RFC 7523)."""

import json
import time
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from gcal_emulator.errors import OAuthError
from gcal_emulator.world import Robot, World

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_S = 3600
_SKEW_S = 300
_ADDRESSES = ("/token", "/o/oauth2/token", "/oauth2/v3/token", "/oauth2/v4/token")
_SHORT_LIVED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
_UNAUTHORIZED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the "
    "scopes requested."
)


def create(world: World, email: str, subjects: list[str], scopes: list[str]) -> Robot:
    """A new service account with its own key. `subjects` may it act for with `scopes` (`*` for all)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    robot = Robot(email, text, world.new_id(40, "0123456789abcdef"), world.new_id(21, "0123456789"), subjects, scopes)
    world.robots[email] = robot
    world.add_account(email)
    return robot


def key_file(robot: Robot, accounts: str, tokens: str, apis: str) -> dict[str, Any]:
    """The JSON file that the Cloud Console hands out for a service account, for these origins."""
    return {
        "type": "service_account",
        "project_id": "demo-project",
        "private_key_id": robot.key_id,
        "private_key": robot.private_key,
        "client_email": robot.email,
        "client_id": robot.client_id,
        "auth_uri": f"{accounts}/o/oauth2/auth",
        "token_uri": f"{tokens}/token",
        "auth_provider_x509_cert_url": f"{apis}/oauth2/v1/certs",
        "client_x509_cert_url": f"{apis}/robot/v1/metadata/x509/{robot.email}",
        "universe_domain": "googleapis.com",
    }


def accepted(world: World, assertion: str) -> tuple[Robot, str, set[str], str]:
    """The service account behind an assertion, whom it acts for, for which scopes or audience. Raises OAuthError."""
    robot = world.robots.get(str(_unverified(assertion).get("iss")))
    if robot is None:
        raise OAuthError(400, "invalid_grant", "Invalid grant: account not found")
    try:
        key = jwk.RSAKey.import_key(robot.private_key)
        claims = jwt.decode(assertion, key, algorithms=["RS256"]).claims
    except (JoseError, ValueError):
        raise OAuthError(400, "invalid_grant", "Invalid JWT Signature.") from None
    _check_times(world, claims)
    if not str(claims.get("aud", "")).endswith(_ADDRESSES):
        raise OAuthError(400, "invalid_grant", "Invalid JWT: Failed audience check.")
    scopes, audience = set(str(claims.get("scope") or "").split()), str(claims.get("target_audience") or "")
    if not scopes and not audience:
        raise OAuthError(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    subject = str(claims.get("sub") or robot.email)
    if subject != robot.email:
        _check_delegation(world, robot, subject, scopes)
    return robot, subject, scopes, audience


def _unverified(assertion: str) -> dict[str, Any]:
    try:
        found = json.loads(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError):
        raise OAuthError(400, "invalid_grant", "Bad Request") from None
    return found if isinstance(found, dict) else {}


def _check_times(world: World, claims: dict[str, Any]) -> None:
    """An assertion lives an hour at most, by the emulator's clock or by the real one that its signer has."""
    issued, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(ends, int) or ends - issued > _LONGEST_S + _SKEW_S:
        raise OAuthError(400, "invalid_grant", _SHORT_LIVED)
    if not any(issued - _SKEW_S <= now < ends + _SKEW_S for now in (world.clock.now_s(), time.time())):
        raise OAuthError(400, "invalid_grant", _SHORT_LIVED)


def _check_delegation(world: World, robot: Robot, subject: str, scopes: set[str]) -> None:
    if subject not in world.accounts:
        raise OAuthError(400, "invalid_grant", "Invalid email or User ID")
    if "*" not in robot.subjects and subject not in robot.subjects:
        raise OAuthError(401, "unauthorized_client", _UNAUTHORIZED)
    if "*" not in robot.scopes and not scopes <= set(robot.scopes):
        raise OAuthError(401, "unauthorized_client", _UNAUTHORIZED)
