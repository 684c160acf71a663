"""Who a token stands for: id tokens and their keys, userinfo and tokeninfo in all their versions, OpenID configuration."""

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from flask import Blueprint, jsonify, request
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from gcal_emulator import calls, discovery, transport
from gcal_emulator.errors import OAuthError
from gcal_emulator.world import Account, Token, World

IDENTITY = {
    "openid": "openid",
    "email": f"{discovery.PREFIX}userinfo.email",
    "profile": f"{discovery.PREFIX}userinfo.profile",
}
"""Short names of sign-in scopes → as Google writes them in answers."""
ISSUER = "https://accounts.google.com"
_KEY_ID = "emulator-1"
_CONSUMER = ("gmail.com", "googlemail.com")


def add_routes(routes: Blueprint, world: World) -> None:
    """The addresses at which programs verify who signed in."""
    _add_user_info(routes, world)
    _add_token_info(routes, world)
    _add_keys(routes, world)
    _add_documents(routes)


def _add_user_info(routes: Blueprint, world: World) -> None:
    @routes.route("/v1/userinfo", methods=["GET", "POST"])
    @routes.route("/oauth2/v3/userinfo", methods=["GET", "POST"])
    def user_info() -> Any:
        held = _bearer_of(world)
        return jsonify(_claims(world.accounts[held.email], held.scopes))

    @routes.route("/oauth2/v1/userinfo", methods=["GET", "POST"])
    @routes.route("/oauth2/v2/userinfo", methods=["GET", "POST"])
    @routes.route("/userinfo/v2/me", methods=["GET", "POST"])
    def old_user_info() -> Any:
        held = _bearer_of(world)
        claims = _claims(world.accounts[held.email], held.scopes)
        renamed = {"sub": "id", "email_verified": "verified_email"}
        return jsonify({renamed.get(name, name): value for name, value in claims.items()})

    @routes.get("/v1/people/me")
    def person() -> Any:
        held = _bearer_of(world)
        account = world.accounts[held.email]
        source = {"metadata": {"primary": True, "source": {"type": "PROFILE", "id": account.sub}}}
        given, _, family = account.name.partition(" ")
        name = source | {"displayName": account.name, "givenName": given, "familyName": family}
        mail = source | {"value": account.email}
        return jsonify(resourceName=f"people/{account.sub}", names=[name], emailAddresses=[mail])


def _add_token_info(routes: Blueprint, world: World) -> None:
    @routes.route("/tokeninfo", methods=["GET", "POST"])
    @routes.route("/oauth2/v3/tokeninfo", methods=["GET", "POST"])
    def token_info() -> Any:
        values = request.values
        if text := values.get("id_token"):
            return jsonify(_verified(world, text))
        held = _known(world, values.get("access_token") or calls.bearer())
        if held is None:
            raise OAuthError(400, "invalid_token", "Invalid Value")
        found = _common_info(world, held) | {"exp": str(int(held.expires_at))}
        found |= {"sub": world.accounts[held.email].sub} if held.scopes & set(IDENTITY.values()) else {}
        if IDENTITY["email"] in held.scopes:
            found |= {"email": held.email, "email_verified": "true"}
        return jsonify(found)

    @routes.route("/oauth2/v1/tokeninfo", methods=["GET", "POST"])
    @routes.route("/oauth2/v2/tokeninfo", methods=["GET", "POST"])
    def old_token_info() -> Any:
        values = request.values
        held = _known(world, values.get("access_token") or calls.bearer())
        if held is None:
            raise OAuthError(400, "invalid_token", "Invalid Value")
        found = _common_info(world, held) | {"issued_to": held.client_id, "audience": held.client_id}
        found["expires_in"] = int(held.expires_at - world.clock.now_s())
        found |= {"user_id": world.accounts[held.email].sub} if held.scopes & set(IDENTITY.values()) else {}
        if IDENTITY["email"] in held.scopes:
            found |= {"email": held.email, "verified_email": True}
        return jsonify(found)


def _add_keys(routes: Blueprint, world: World) -> None:
    @routes.get("/oauth2/v3/certs")
    def certs() -> Any:
        return jsonify(keys=[signing_key().as_dict(private=False)])

    @routes.get("/oauth2/v1/certs")
    def old_certs() -> Any:
        return jsonify({_KEY_ID: _certificate()})

    @routes.get("/robot/v1/metadata/x509/<path:email>")
    def robot_certs(email: str) -> Any:
        robot = world.robots.get(email)
        return jsonify({robot.key_id: certificate_of(robot.private_key, email)} if robot else {})


def _add_documents(routes: Blueprint) -> None:
    @routes.get("/.well-known/openid-configuration")
    def configuration() -> Any:
        accounts, tokens, apis, people = (
            transport.origin_of(request.environ, f"{name}.com")
            for name in ("accounts.google", "oauth2.googleapis", "www.googleapis", "openidconnect.googleapis")
        )
        return jsonify(
            issuer=ISSUER,
            authorization_endpoint=f"{accounts}/o/oauth2/v2/auth",
            token_endpoint=f"{tokens}/token",
            revocation_endpoint=f"{tokens}/revoke",
            userinfo_endpoint=f"{people}/v1/userinfo",
            jwks_uri=f"{apis}/oauth2/v3/certs",
            response_types_supported=["code", "token", "id_token", "token id_token"],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=["RS256"],
            scopes_supported=["openid", "email", "profile"],
            token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic"],
            claims_supported=[
                "aud",
                "email",
                "email_verified",
                "exp",
                "family_name",
                "given_name",
                "iat",
                "iss",
                "name",
                "picture",
                "sub",
            ],
            code_challenge_methods_supported=["plain", "S256"],
            grant_types_supported=[
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ],
        )


@cache
def signing_key() -> jwk.RSAKey:
    """The key of this process's id tokens."""
    return jwk.RSAKey.generate_key(2048, parameters={"use": "sig", "alg": "RS256", "kid": _KEY_ID})


def certificate_of(private_key: str, name: str) -> str:
    """A self-signed certificate of a private key, as PEM."""
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@cache
def _certificate() -> str:
    return certificate_of(signing_key().as_pem(private=True).decode(), "federated-signon.system.gserviceaccount.com")


def id_token(world: World, held: Token, nonce: str = "", audience: str = "") -> str:
    """A signed statement of who an access token stands for; a name only where `profile` was granted."""
    half = hashlib.sha256(held.value.encode()).digest()[:16]
    now = int(world.clock.now_s() if world.clock.is_manual else time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience or held.client_id,
        "azp": held.client_id,
        "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        "iat": now,
        "exp": now + 3600,
    }
    claims |= _claims(world.accounts[held.email], held.scopes)
    if nonce:
        claims["nonce"] = nonce
    return str(jwt.encode({"alg": "RS256", "kid": _KEY_ID, "typ": "JWT"}, claims, signing_key()))


def _claims(account: Account, scopes: frozenset[str]) -> dict[str, Any]:
    claims: dict[str, Any] = {"sub": account.sub}
    if IDENTITY["profile"] in scopes:
        given, _, family = account.name.partition(" ")
        claims |= {"name": account.name, "given_name": given} | ({"family_name": family} if family else {})
        claims["picture"] = f"https://lh3.googleusercontent.com/a/{account.sub}=s96-c"
    if IDENTITY["email"] in scopes:
        claims |= {"email": account.email, "email_verified": True}
    if domain := domain_of(account.email):
        claims["hd"] = domain
    return claims


def domain_of(email: str) -> str:
    """The Workspace domain of an address; empty for a consumer's and a robot's."""
    domain = email.partition("@")[2]
    return "" if domain in _CONSUMER or domain.endswith("gserviceaccount.com") else domain


def _common_info(world: World, held: Token) -> dict[str, Any]:
    return {
        "azp": held.client_id,
        "aud": held.client_id,
        "scope": " ".join(sorted(held.scopes)),
        "expires_in": str(int(held.expires_at - world.clock.now_s())),
        "access_type": "offline" if held.refresh else "online",
    }


def _verified(world: World, text: str) -> dict[str, Any]:
    try:
        token = jwt.decode(text, signing_key(), algorithms=["RS256"])
    except (JoseError, ValueError):
        raise OAuthError(400, "invalid_token", "Invalid Value") from None
    if int(token.claims["exp"]) <= world.clock.now_s():
        raise OAuthError(400, "invalid_token", "Invalid Value")
    claims = {name: _as_text(value) for name, value in token.claims.items()}
    return claims | {"alg": "RS256", "kid": _KEY_ID, "typ": "JWT"}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known(world: World, value: str) -> Token | None:
    held = world.tokens.get(value)
    return held if held is not None and held.expires_at > world.clock.now_s() and held.email in world.accounts else None


def _bearer_of(world: World) -> Token:
    held = _known(world, request.values.get("access_token") or calls.bearer())
    if held is None:
        raise OAuthError(401, "invalid_request", "Invalid Credentials")
    return held
