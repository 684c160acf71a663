"""OAuth 2.0 and OpenID Connect as Google serves them (checklist lines 1–15)."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from gcal_emulator.world import Client
from joserfc import jwk, jwt

from tests.emulator.conftest import ANA, BEN, Emulator

BACK = "http://127.0.0.1:9/back"
PREFIX = "https://www.googleapis.com/auth/"
SCOPES = f"openid email {PREFIX}calendar.events {PREFIX}calendar.freebusy"
VERIFIER = "v" * 43


def asked(**changes: str) -> dict[str, str]:
    """The parameters of an authorisation request."""
    plain = {"client_id": "demo-client", "redirect_uri": BACK, "response_type": "code", "scope": SCOPES}
    return plain | {"state": "s1", "access_type": "offline", "prompt": "consent"} | changes


def back_from(emulator: Emulator, query: dict[str, str], *granted: str, decision: str = "allow") -> dict[str, str]:
    """What the browser carries back after a person decided on the consent page."""
    emulator.world.add_account(ANA)
    form: dict[str, Any] = query | {"authuser": ANA, "decision": decision, "granted": list(granted)}
    answer = emulator.client.post("/o/oauth2/consent", data=form)
    assert answer.status_code == 302, answer.data
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def redeem(emulator: Emulator, code: str, **changes: str) -> Any:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    return emulator.client.post("/token", data=form | {"client_id": "demo-client"} | _secret() | changes)


def refresh(emulator: Emulator, token: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "demo-client"} | _secret()
    return emulator.client.post("/token", data=form)


def signed_in(emulator: Emulator, **changes: str) -> dict[str, Any]:
    """The token answer after everything asked for was granted."""
    query = asked(**changes)
    scopes = [name for name in query["scope"].split() if name.startswith(PREFIX)]
    answer = redeem(emulator, back_from(emulator, query, *scopes)["code"])
    assert answer.status_code == 200, answer.data
    return dict(answer.json)


def _secret() -> dict[str, str]:
    return {"client_secret": "demo-secret"}


def _page(emulator: Emulator, **changes: str) -> Any:
    return emulator.client.get(f"/o/oauth2/v2/auth?{urlencode(asked(**changes))}")


@pytest.mark.parametrize(("method", "sent"), [("plain", VERIFIER), ("S256", "")])
def test_01_authorise_page_knows_every_parameter_and_both_pkce_methods(
    emulator: Emulator, method: str, sent: str
) -> None:
    emulator.world.add_account(BEN)
    emulator.world.add_account(ANA)
    chooser = _page(emulator, login_hint=ANA, prompt="select_account").text
    assert chooser.index(ANA) < chooser.index(BEN), "the hinted account comes first"
    assert "View and edit events" in _page(emulator, authuser=ANA).text
    challenge = sent or base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    query = asked(code_challenge=challenge, code_challenge_method=method)
    code = back_from(emulator, query, f"{PREFIX}calendar.events")["code"]
    missing = redeem(emulator, code)
    assert (missing.status_code, missing.json["error_description"]) == (400, "Missing code verifier.")
    assert redeem(emulator, code, code_verifier="w" * 43).json["error"] == "invalid_grant"
    assert redeem(emulator, code, code_verifier=VERIFIER).status_code == 200
    silent = emulator.client.get(f"/o/oauth2/v2/auth?{urlencode(asked(authuser=ANA, prompt='none'))}")
    assert "error=consent_required" in silent.headers["Location"], "freebusy was never granted"
    union = back_from(
        emulator, asked(include_granted_scopes="true", scope=f"{PREFIX}calendar.freebusy"), f"{PREFIX}calendar.freebusy"
    )
    assert set(redeem(emulator, union["code"]).json["scope"].split()) >= {
        f"{PREFIX}calendar.events",
        f"{PREFIX}calendar.freebusy",
    }


@pytest.mark.parametrize("changes", [{"redirect_uri": "https://elsewhere.example/"}, {"client_id": "nobody"}])
def test_02_foreign_redirects_and_clients_get_a_page_and_no_redirect(
    emulator: Emulator, changes: dict[str, str]
) -> None:
    emulator.world.clients["strict"] = Client("strict", "x", [BACK])
    answer = _page(emulator, **changes)
    assert answer.status_code == 400 and "Location" not in answer.headers
    for almost in (f"{BACK}/", BACK.replace("http:", "https:"), BACK.upper()):
        assert _page(emulator, client_id="strict", redirect_uri=almost).status_code == 400
    assert _page(emulator, client_id="strict").status_code == 200


def test_03_refusal_comes_back_as_access_denied_with_the_state(emulator: Emulator) -> None:
    assert back_from(emulator, asked(), decision="deny") == {"error": "access_denied", "state": "s1"}


def test_04_the_scope_of_the_answer_lists_only_what_was_ticked(emulator: Emulator) -> None:
    code = back_from(emulator, asked(), f"{PREFIX}calendar.events")["code"]
    granted = redeem(emulator, code).json["scope"].split()
    assert set(granted) == {"openid", f"{PREFIX}userinfo.email", f"{PREFIX}calendar.events"}
    assert "unchecked" not in _page(emulator, authuser=ANA).text


def test_05_nothing_ticked_is_a_refusal(emulator: Emulator) -> None:
    assert back_from(emulator, asked())["error"] == "access_denied"


def test_06_a_code_works_once_and_for_its_own_redirect_and_client(emulator: Emulator) -> None:
    emulator.world.clients["other"] = Client("other", "demo-secret")
    code = back_from(emulator, asked(), f"{PREFIX}calendar.events")["code"]
    foreign = redeem(emulator, code, client_id="other")
    assert (foreign.status_code, foreign.json["error"]) == (400, "invalid_grant")
    elsewhere = redeem(emulator, code, redirect_uri="http://127.0.0.1:9/elsewhere")
    assert (elsewhere.status_code, elsewhere.json["error"]) == (400, "redirect_uri_mismatch")
    assert redeem(emulator, code).status_code == 200
    replayed = redeem(emulator, code)
    assert (replayed.status_code, replayed.json["error"]) == (400, "invalid_grant")
    garbled = redeem(emulator, code.replace("/", "%2F"))
    assert garbled.json["error_description"] == "Malformed auth code."


def test_07_a_refresh_token_needs_offline_access_and_a_first_or_forced_consent(emulator: Emulator) -> None:
    assert "refresh_token" not in signed_in(emulator, access_type="online", prompt="")
    assert "refresh_token" not in signed_in(emulator, prompt=""), "consented before"
    assert "refresh_token" in signed_in(emulator, prompt="consent")
    emulator.control("revoke", {"email": ANA})
    assert "refresh_token" in signed_in(emulator, prompt=""), "the first consent after a revocation"


def test_08_a_refresh_keeps_the_refresh_token_and_brings_a_new_access_token(emulator: Emulator) -> None:
    first = signed_in(emulator)
    answer = refresh(emulator, first["refresh_token"]).json
    assert "refresh_token" not in answer and answer["access_token"] != first["access_token"]
    assert answer["expires_in"] == 3599 and answer["token_type"] == "Bearer" and "id_token" in answer
    assert set(answer["scope"].split()) == set(first["scope"].split())


def test_09_a_dead_access_token_is_an_auth_error_that_names_the_header(emulator: Emulator) -> None:
    first = signed_in(emulator)
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    assert emulator.client.get("/calendar/v3/calendars/primary/events", headers=headers).status_code == 200
    emulator.control("clock", {"advance_s": 3600})
    for sent in (headers, {"Authorization": "Bearer nonsense"}):
        answer = emulator.client.get("/calendar/v3/calendars/primary/events", headers=sent)
        error = answer.json["error"]["errors"][0]
        assert (answer.status_code, error["reason"]) == (401, "authError")
        assert (error["location"], error["locationType"]) == ("Authorization", "header")


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_10_revoking_any_token_ends_everything_of_the_project(emulator: Emulator, name: str) -> None:
    emulator.world.clients["sibling"] = Client("sibling", "demo-secret")
    first, second = signed_in(emulator), signed_in(emulator)
    sibling = emulator.client.post("/_emulator/tokens", json={"email": ANA, "client_id": "sibling"}).json
    assert emulator.client.post("/revoke", data={"token": first[name]}).status_code == 200
    for held in (first, second, sibling):
        headers = {"Authorization": f"Bearer {held['access_token']}"}
        assert emulator.client.get("/calendar/v3/calendars/primary/events", headers=headers).status_code == 401
    refused = refresh(emulator, second["refresh_token"])
    assert refused.status_code == 400
    assert refused.json == {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    assert emulator.client.post("/revoke", data={"token": "unknown"}).status_code == 400


def test_11_the_hundred_and_first_refresh_token_silently_ends_the_oldest(emulator: Emulator) -> None:
    emulator.world.add_account(ANA)
    tokens = [emulator.client.post("/_emulator/tokens", json={"email": ANA}).json for _turn in range(101)]
    assert refresh(emulator, tokens[0]["refresh_token"]).json["error"] == "invalid_grant"
    assert refresh(emulator, tokens[1]["refresh_token"]).status_code == 200


def test_12_refresh_tokens_end_in_testing_after_a_week_and_unused_after_six_months(emulator: Emulator) -> None:
    emulator.control("clock", {"now": "2026-01-01T00:00:00Z"})
    held = signed_in(emulator)["refresh_token"]
    emulator.control("clock", {"advance_s": 8 * 86400})
    assert refresh(emulator, held).status_code == 200, "published apps keep theirs"
    emulator.control("clock", {"advance_s": 180 * 86400})
    assert refresh(emulator, held).status_code == 200, "every use counts"
    emulator.control("clock", {"advance_s": 184 * 86400})
    assert refresh(emulator, held).json["error"] == "invalid_grant"
    emulator.control("behaviours", {"testing_mode": True}, "PUT")
    held = signed_in(emulator)["refresh_token"]
    emulator.control("clock", {"advance_s": 6 * 86400})
    assert refresh(emulator, held).status_code == 200
    emulator.control("clock", {"advance_s": 86401})
    assert refresh(emulator, held).json["error_description"] == "Token has been expired or revoked."


def test_13_identity_is_signed_and_its_keys_and_user_info_are_served(emulator: Emulator) -> None:
    answer = signed_in(emulator, nonce="n1", scope=f"{SCOPES} profile")
    configuration = emulator.client.get("/.well-known/openid-configuration").json
    keys = jwk.KeySet.import_key_set(emulator.client.get(urlsplit(configuration["jwks_uri"]).path).json)
    claims = jwt.decode(answer["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["iss"] == configuration["issuer"] == "https://accounts.google.com"
    assert (claims["aud"], claims["azp"], claims["nonce"]) == ("demo-client", "demo-client", "n1")
    digest = hashlib.sha256(answer["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    path = urlsplit(configuration["userinfo_endpoint"]).path
    person = emulator.client.get(path, headers={"Authorization": f"Bearer {answer['access_token']}"}).json
    assert (person["sub"], person["email"]) == (claims["sub"], ANA) and person["email_verified"] is True


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("calendar.events", "GET", "users/me/calendarList"),
        ("calendar.events.readonly", "POST", "calendars/primary/events"),
        ("calendar.events", "GET", "colors"),
        ("calendar.events", "POST", "freeBusy"),
        ("calendar.freebusy", "GET", "calendars/primary/events"),
        ("calendar.acls.readonly", "POST", "calendars/primary/acl"),
        ("calendar.calendarlist.readonly", "GET", "users/me/settings"),
        ("calendar.app.created", "GET", "users/me/calendarList"),
        ("calendar.readonly", "GET", "calendars/primary/acl"),
        ("calendar.calendarlist.readonly", "POST", "calendars/primary/events/watch"),
    ],
)
def test_14_a_missing_scope_is_named(emulator: Emulator, scope: str, method: str, path: str) -> None:
    answer = emulator.caller(ANA, scope)(method, path, {} if method == "POST" else None)
    assert answer.status_code == 403
    assert answer.json["error"]["errors"][0]["reason"] == "insufficientPermissions"
    assert answer.json["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_15_the_token_endpoint_and_the_api_refuse_in_different_shapes(emulator: Emulator) -> None:
    refused = redeem(emulator, "x", client_secret="wrong")
    assert refused.status_code == 401 and set(refused.json) == {"error", "error_description"}
    assert refused.json["error"] == "invalid_client"
    strange = emulator.client.post("/token", data={"grant_type": "magic", "client_id": "demo-client"} | _secret())
    assert (strange.status_code, strange.json["error"]) == (400, "unsupported_grant_type")
    error = emulator.caller()("GET", "calendars/nowhere/events").json["error"]
    assert set(error) == {"errors", "code", "message"} and set(error["errors"][0]) == {"domain", "reason", "message"}
