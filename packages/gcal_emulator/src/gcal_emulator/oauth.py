"""OAuth 2.0 and OpenID Connect as Google serves them: consent with boxes to untick, tokens, revoke, keys."""

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, g, jsonify, redirect, render_template_string, request

from gcal_emulator import discovery, identity, robots
from gcal_emulator.errors import OAuthError
from gcal_emulator.world import Client, Code, Token, World

PREFIX = discovery.PREFIX
IDENTITY = identity.IDENTITY
_REFRESH_TOKENS_MAX = 100
_TESTING_LIFETIME_S = 7 * 24 * 3600
_CODE_LIFETIME_S = 600

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in - Emulated Google Accounts</title>
<meta name="viewport" content="width=device-width"><style>
body{font:15px system-ui;background:#f0f4f9;margin:0;color:#1f1f1f}main{max-width:560px;margin:8vh auto;background:#fff;
border-radius:20px;padding:36px}h1{font-weight:400;font-size:26px}label{display:flex;gap:12px;padding:10px 0;
border-top:1px solid #e3e3e3}button{font:inherit;padding:9px 22px;border-radius:20px;border:1px solid #747775;
background:#fff;color:#0b57d0}button.go{background:#0b57d0;color:#fff;border-color:#0b57d0}.row{display:flex;
justify-content:flex-end;gap:10px;margin-top:24px}small{color:#5f6368}</style></head><body><main>
<small>Emulated Google: nothing here reaches Google</small>{{ body|safe }}</main></body></html>"""

_CHOOSER = """<h1>Choose an account</h1><p>to continue to {{ client }}</p>{% for account in accounts %}
<form method="get"><input type="hidden" name="authuser" value="{{ account.email }}">{% for name, value in query %}
<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
<p><button class="account">{{ account.name }} · {{ account.email }}</button></p></form>{% endfor %}
{% if not accounts %}<p>There is no account in this world yet.</p>{% endif %}"""

_CONSENT = """<h1>{{ client }} wants access to your Google Account</h1><p>{{ email }}</p>
<form method="post" action="/o/oauth2/consent">{% for name, value in query %}
<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
<input type="hidden" name="authuser" value="{{ email }}"><p>Select what {{ client }} can access</p>
{% for scope, label in scopes %}<label><input type="checkbox" name="granted" value="{{ scope }}"
{% if preticked %}checked{% endif %}> {{ label }}</label>{% endfor %}
<div class="row"><button name="decision" value="deny">Cancel</button>
<button class="go" name="decision" value="allow">Continue</button></div></form>"""


def blueprint(world: World) -> Blueprint:
    """The OAuth and OIDC routes of one world."""
    routes = Blueprint("oauth", __name__)
    _add_consent(routes, world)
    _add_tokens(routes, world)
    identity.add_routes(routes, world)

    @routes.errorhandler(OAuthError)
    def refused(error: OAuthError) -> Any:
        g.reason = error.error
        body = {"error": error.error} | ({"error_description": error.description} if error.description else {})
        return jsonify(body), error.status

    return routes


def _add_consent(routes: Blueprint, world: World) -> None:
    """The pages on which a person chooses an account and what to permit."""

    @routes.get("/o/oauth2/v2/auth")
    @routes.get("/o/oauth2/auth")
    def authorize() -> Any:
        values = _asked_in(request.args.to_dict())
        client, problem = _client_of(world, values)
        if client is None:
            return _page(f"<h1>Access blocked: Authorisation Error</h1><p>Error 400: {problem}</p>"), 400
        scripted = _scripted(world)
        if scripted is not None:
            return _decide(world, values, scripted["email"], _scripted_scopes(values, scripted))
        return _interactive(world, client, values)

    @routes.post("/o/oauth2/consent")
    def consent() -> Any:
        values = _asked_in(request.form.to_dict())
        client, problem = _client_of(world, values)
        if client is None:
            return _page(f"<h1>Access blocked</h1><p>Error 400: {problem}</p>"), 400
        chosen = request.form.getlist("granted") if values.get("decision") == "allow" else None
        asked, identity = _asked(values)
        granted = None if chosen is None or (asked and not chosen) else {*chosen, *identity}
        return _decide(world, values, values["authuser"], granted)


def _add_tokens(routes: Blueprint, world: World) -> None:
    """Codes and refresh tokens redeemed, grants revoked."""

    @routes.post("/token")
    @routes.post("/o/oauth2/token")
    @routes.post("/oauth2/v3/token")
    @routes.post("/oauth2/v4/token")
    def token() -> Any:
        values = _sent()
        grant = values.get("grant_type")
        if grant == robots.GRANT:
            return _assert(world, values.get("assertion", ""))
        client = _authenticated(world, values)
        if grant == "authorization_code":
            return _redeem(world, client, values)
        if grant == "refresh_token":
            return _refresh(world, client, values)
        raise OAuthError(400, "unsupported_grant_type", "Invalid grant_type")

    @routes.route("/revoke", methods=["GET", "POST"])
    @routes.route("/o/oauth2/revoke", methods=["GET", "POST"])
    def revoke() -> Any:
        value = request.values.get("token") or ""
        held = world.tokens.get(value) or world.refresh_tokens.get(value)
        if held is None or held.email not in world.accounts:
            raise OAuthError(400, world.behaviours.revoke_unknown, "Token expired or revoked")
        client = world.clients.get(held.client_id)
        revoke_grant(world, held.email, client.project if client else "")
        return "", 200


def _sent() -> dict[str, str]:
    """The fields of a token request, sent as a form or as JSON."""
    if request.is_json:
        body = request.get_json(silent=True)
        return {str(name): str(value) for name, value in body.items()} if isinstance(body, dict) else {}
    return request.form.to_dict() or request.args.to_dict()


def _asked_in(values: dict[str, str]) -> dict[str, str]:
    """An authorisation request in today's words: `approval_prompt=force` is the older form of `prompt=consent`."""
    if values.get("approval_prompt") == "force" and not values.get("prompt"):
        values["prompt"] = "consent"
    values.setdefault("response_type", "code")
    return values


def issue(world: World, email: str, client_id: str, scopes: set[str], with_refresh: bool) -> dict[str, Any]:
    """Mints an access token, and a refresh token when asked; the oldest beyond 100 die silently."""
    lifetime = world.behaviours.access_token_lifetime_s
    access = Token(f"ya29.{world.new_id(60)}", email, client_id, frozenset(scopes), world.clock.now_s() + lifetime)
    answer: dict[str, Any] = {
        "access_token": access.value,
        "expires_in": lifetime,
        "scope": " ".join(sorted(scopes, key=lambda scope: (len(scope) % 7, scope))),
        "token_type": "Bearer",
    }
    world.grants.setdefault((email, client_id), set()).update(scopes)
    if with_refresh:
        now = world.clock.now_s()
        refresh = Token(f"1//0{world.new_id(60)}", email, client_id, frozenset(scopes), now, used_at=now)
        world.refresh_tokens[refresh.value] = refresh
        access.refresh = refresh.value
        answer["refresh_token"] = refresh.value
        own = [t for t in world.refresh_tokens.values() if (t.email, t.client_id) == (email, client_id)]
        for old in own[:-_REFRESH_TOKENS_MAX]:
            del world.refresh_tokens[old.value]
    world.tokens[access.value] = access
    return answer


def revoke_grant(world: World, email: str, project: str) -> None:
    """Ends everything that a user granted to any client of a project."""
    clients = {client.id for client in world.clients.values() if client.project == project}
    for held in (world.tokens, world.refresh_tokens):
        for value in [t.value for t in held.values() if t.email == email and t.client_id in clients]:
            del held[value]
    for name in [pair for pair in world.grants if pair[0] == email and pair[1] in clients]:
        del world.grants[name]


def _client_of(world: World, values: dict[str, str]) -> tuple[Client | None, str]:
    client = world.clients.get(values.get("client_id", ""))
    if client is None:
        return None, "invalid_client"
    if set(values["response_type"].split()) - {"code", "token", "id_token"} or not values.get("scope"):
        return None, "invalid_request"
    uri = values.get("redirect_uri", "")
    host = urlsplit(uri).hostname
    is_loopback = not client.redirect_uris and host in {"127.0.0.1", "localhost", "::1", "testserver"}
    if uri not in client.redirect_uris and not is_loopback:
        return None, "redirect_uri_mismatch"
    return client, ""


def _interactive(world: World, client: Client, values: dict[str, str]) -> Any:
    prompt = set(values.get("prompt", "").split())
    email = values.pop("authuser", "")
    query = list(values.items())
    if email not in world.accounts:
        if "none" in prompt:
            return _return(values, {"error": "interaction_required"})
        hinted = [a for a in world.accounts.values() if values.get("login_hint") in {a.email, a.sub}]
        others = [a for a in world.accounts.values() if a not in hinted]
        page = render_template_string(_CHOOSER, client=client.id, accounts=[*hinted, *others], query=query)
        return _page(page)
    asked, identity = _asked(values)
    known = world.grants.get((email, client.id), set())
    if asked <= known and "consent" not in prompt:
        return _decide(world, values, email, asked | identity)
    if "none" in prompt:
        return _return(values, {"error": "consent_required"})
    scopes = [(scope, discovery.SCOPE_TEXTS.get(scope.removeprefix(PREFIX), scope)) for scope in sorted(asked)]
    return _page(
        render_template_string(_CONSENT, client=client.id, email=email, query=query, scopes=scopes, preticked=False)
    )


def _page(body: str) -> str:
    return render_template_string(_PAGE, body=body)


def _asked(values: dict[str, str]) -> tuple[set[str], set[str]]:
    """The requested scopes: those with a box, and the identity ones in long form."""
    named = values.get("scope", "").split()
    identity = {IDENTITY[name] for name in named if name in IDENTITY} | {n for n in named if n in IDENTITY.values()}
    return {name for name in named if name not in IDENTITY and name not in IDENTITY.values()}, identity


def _scripted(world: World) -> dict[str, Any] | None:
    if not world.consents:
        return None
    answer = world.consents[0]
    if answer.get("times") is not None:
        answer["times"] -= 1
        if answer["times"] <= 0:
            world.consents.pop(0)
    return answer


def _scripted_scopes(values: dict[str, str], answer: dict[str, Any]) -> set[str] | None:
    if answer.get("deny"):
        return None
    asked, identity = _asked(values)
    if answer.get("scopes") is None:
        return asked | identity
    chosen = {s if "/" in s else IDENTITY.get(s, PREFIX + s) for s in answer["scopes"]}
    return (asked & chosen) | identity if asked & chosen else None


def _decide(world: World, values: dict[str, str], email: str, granted: set[str] | None) -> Any:
    if granted is None:
        return _return(values, {"error": "access_denied"})
    if values.get("include_granted_scopes") == "true":
        granted = granted | world.grants.get((email, values["client_id"]), set())
    kinds = set(values["response_type"].split())
    if kinds - {"code"}:
        return _answer_page(world, values, email, granted, kinds)
    is_first = (email, values["client_id"]) not in world.grants
    wants_refresh = is_first or "consent" in values.get("prompt", "").split()
    code = Code(
        value=f"4/0{world.new_id(40)}",
        email=email,
        client_id=values["client_id"],
        redirect_uri=values["redirect_uri"],
        scopes=frozenset(granted),
        challenge=values.get("code_challenge", ""),
        method=values.get("code_challenge_method", "plain"),
        is_offline=values.get("access_type") == "offline" and wants_refresh,
        nonce=values.get("nonce", ""),
        expires_at=world.clock.now_s() + _CODE_LIFETIME_S,
    )
    world.codes[code.value] = code
    world.grants.setdefault((email, values["client_id"]), set()).update(granted)
    answer = {"code": code.value, "scope": " ".join(sorted(granted)), "authuser": "0", "prompt": "consent"}
    return _return(values, answer | ({"hd": domain} if (domain := identity.domain_of(email)) else {}))


def _answer_page(world: World, values: dict[str, str], email: str, granted: set[str], kinds: set[str]) -> Any:
    """The implicit flow of pages without a server: tokens at once, behind the `#` of the redirect."""
    answer = issue(world, email, values["client_id"], granted, with_refresh=False)
    held = world.tokens[answer["access_token"]]
    found = answer if "token" in kinds else {}
    if "id_token" in kinds:
        found = found | {"id_token": identity.id_token(world, held, values.get("nonce", ""))}
    return _return(values, {name: str(value) for name, value in found.items()} | {"authuser": "0"})


def _return(values: dict[str, str], answer: dict[str, str]) -> Any:
    if values.get("state"):
        answer["state"] = values["state"]
    uri = values["redirect_uri"]
    mark = "#" if set(values["response_type"].split()) - {"code"} else "&" if "?" in uri else "?"
    return redirect(f"{uri}{mark}{urlencode(answer)}")


def _authenticated(world: World, values: dict[str, str]) -> Client:
    basic = request.authorization
    client_id = values.get("client_id") or (basic.username if basic else "") or ""
    secret = values.get("client_secret") or (basic.password if basic else "") or ""
    client = world.clients.get(client_id)
    if client is None:
        raise OAuthError(401, "invalid_client", "The OAuth client was not found.")
    if client.secret != secret:
        raise OAuthError(401, "invalid_client", "Unauthorized")
    return client


def _redeem(world: World, client: Client, values: dict[str, str]) -> Response:
    code = world.codes.get(values.get("code", ""))
    if code is None:
        raise OAuthError(400, "invalid_grant", "Malformed auth code.")
    if code.is_redeemed or code.expires_at <= world.clock.now_s() or code.client_id != client.id:
        raise OAuthError(400, "invalid_grant", "Bad Request")
    if code.redirect_uri != values.get("redirect_uri"):
        raise OAuthError(400, "redirect_uri_mismatch", "Bad Request")
    if code.challenge:
        verifier = values.get("code_verifier")
        if not verifier:
            raise OAuthError(400, "invalid_grant", "Missing code verifier.")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if code.challenge != (digest if code.method == "S256" else verifier):
            raise OAuthError(400, "invalid_grant", "Invalid code verifier.")
    code.is_redeemed = True
    if g.effect.get("scopes") == "fewer":
        code.scopes = code.scopes - set(sorted(code.scopes & set(map(PREFIX.__add__, discovery.SCOPE_TEXTS)))[:1])
    answer = issue(world, code.email, client.id, set(code.scopes), code.is_offline)
    if IDENTITY["openid"] in code.scopes:
        answer["id_token"] = identity.id_token(world, world.tokens[answer["access_token"]], code.nonce)
    return jsonify(answer)


def _refresh(world: World, client: Client, values: dict[str, str]) -> Response:
    held = world.refresh_tokens.get(values.get("refresh_token", ""))
    if held is None:
        raise OAuthError(400, "invalid_grant", "Token has been expired or revoked.")
    if held.client_id != client.id:
        raise OAuthError(400, "invalid_grant", "Bad Request")
    now = world.clock.now_s()
    is_over = world.behaviours.testing_mode and now - held.expires_at > _TESTING_LIFETIME_S
    if is_over or now - max(held.used_at, held.expires_at) > world.behaviours.refresh_idle_days * 86400:
        del world.refresh_tokens[held.value]
        raise OAuthError(400, "invalid_grant", "Token has been expired or revoked.")
    held.used_at = now
    answer = issue(world, held.email, client.id, set(held.scopes), with_refresh=False)
    if IDENTITY["openid"] in held.scopes:
        answer["id_token"] = identity.id_token(world, world.tokens[answer["access_token"]])
    world.tokens[answer["access_token"]].refresh = held.value
    return jsonify(answer)


def _assert(world: World, assertion: str) -> Response:
    """A service account's signed assertion for an access token, or for an id token when it names an audience."""
    robot, subject, scopes, audience = robots.accepted(world, assertion)
    if audience and not scopes:
        held = Token("", subject, robot.client_id, frozenset({*IDENTITY.values()}), 0.0)
        return jsonify(id_token=identity.id_token(world, held, audience=audience))
    answer = issue(world, subject, robot.client_id, scopes, with_refresh=False)
    return jsonify({n: v for n, v in answer.items() if n != "scope"})
