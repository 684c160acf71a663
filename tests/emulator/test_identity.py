"""Google's ways to tell and verify who signed in, service accounts, API keys, and the addresses that all of these had."""

import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from google.auth.transport.requests import Request
from google.oauth2 import id_token, service_account
from joserfc import jwk, jwt
from werkzeug.test import Client as WsgiClient

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator
from tests.emulator.test_oauth import BACK, PREFIX, asked, redeem, signed_in

CALENDAR = f"{PREFIX}calendar"
ALL_OF_ME = f"openid email profile {CALENDAR}"


class Session(requests.Session):
    """What google-auth is given to speak through: answers come from the emulator in process."""

    def __init__(self, client: WsgiClient) -> None:
        super().__init__()
        self.client = client

    def request(self, method: Any, url: Any, data: Any = None, headers: Any = None, **_more: Any) -> Any:
        parts = urlsplit(str(url))
        sent = {"Host": parts.netloc, **(headers or {})}
        answer = self.client.open(f"{parts.path}?{parts.query}", method=str(method), data=data, headers=sent)
        found = requests.Response()
        found.status_code, found._content = answer.status_code, answer.data
        found.headers.update(dict(answer.headers))
        return found


def _back(location: str) -> dict[str, str]:
    parts = urlsplit(location)
    return {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}


@pytest.mark.parametrize("path", ["/o/oauth2/auth", "/o/oauth2/v2/auth"])
def test_googles_own_credentials_file_leads_to_the_consent_page(emulator: Emulator, path: str) -> None:
    emulator.world.add_account(ANA)
    assert "Choose an account" in emulator.client.get(f"{path}?{urlencode(asked())}").text
    sent = {"id": "mine", "secret": "s", "redirect_uris": ["https://app.example/back"], "type": "web"}
    places = emulator.control("clients", sent)["web"]
    assert places["auth_uri"].endswith("/o/oauth2/auth") and places["token_uri"].endswith("/token")
    query = asked(client_id="mine", redirect_uri="https://app.example/back")
    assert "Choose an account" in emulator.client.get(f"{path}?{urlencode(query)}").text


def test_the_older_word_for_asking_again_brings_a_refresh_token(emulator: Emulator) -> None:
    signed_in(emulator)
    emulator.control("consent", {"email": ANA})
    for word in ("force", "auto"):
        query = {name: value for name, value in asked(approval_prompt=word).items() if name != "prompt"}
        location = emulator.client.get(f"/o/oauth2/auth?{urlencode(query)}").headers["Location"]
        answer = redeem(emulator, _back(location)["code"]).json
        assert ("refresh_token" in answer) == (word == "force")


@pytest.mark.parametrize("path", ["/token", "/o/oauth2/token", "/oauth2/v3/token", "/oauth2/v4/token"])
@pytest.mark.parametrize("form", ["data", "json"])
def test_every_address_of_the_token_endpoint_takes_a_form_and_json(emulator: Emulator, path: str, form: str) -> None:
    token = signed_in(emulator)["refresh_token"]
    sent = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "demo-client"}
    sent["client_secret"] = "demo-secret"
    answer = emulator.client.post(path, **{form: sent})
    assert answer.status_code == 200 and answer.json["access_token"]


@pytest.mark.parametrize("path", ["/revoke", "/o/oauth2/revoke"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_grant_is_revoked_at_every_address(emulator: Emulator, path: str, method: str) -> None:
    held = signed_in(emulator)
    assert emulator.client.open(f"{path}?token={held['access_token']}", method=method).status_code == 200
    assert Caller(emulator.client, held["access_token"])("GET", EVENTS).status_code == 401


@pytest.mark.parametrize("path", ["/v1/userinfo", "/oauth2/v3/userinfo", "/oauth2/v2/userinfo", "/oauth2/v1/userinfo"])
def test_user_info_tells_in_every_version_who_it_is(emulator: Emulator, path: str) -> None:
    emulator.world.add_account(ANA, "Ana Berg")
    held = signed_in(emulator, scope=ALL_OF_ME)["access_token"]
    answer = emulator.client.get(path, headers={"Authorization": f"Bearer {held}"}).json
    is_old = path.startswith(("/oauth2/v1", "/oauth2/v2"))
    assert answer["id" if is_old else "sub"] == emulator.world.accounts[ANA].sub
    assert answer["verified_email" if is_old else "email_verified"] is True
    shown = {name: answer[name] for name in ("email", "name", "given_name", "family_name", "hd")}
    assert shown == {
        "email": ANA,
        "name": "Ana Berg",
        "given_name": "Ana",
        "family_name": "Berg",
        "hd": "acme.example",
    }
    assert answer["picture"].startswith("https://")
    assert emulator.client.get(path, headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_name_is_told_only_where_the_profile_was_granted(emulator: Emulator) -> None:
    held = signed_in(emulator, scope=f"openid email {CALENDAR}")
    answer = emulator.client.get("/v1/userinfo", headers={"Authorization": f"Bearer {held['access_token']}"}).json
    assert answer.keys() == {"sub", "email", "email_verified", "hd"}


@pytest.mark.parametrize("path", ["/tokeninfo", "/oauth2/v3/tokeninfo", "/oauth2/v2/tokeninfo", "/oauth2/v1/tokeninfo"])
def test_token_info_tells_what_a_token_allows(emulator: Emulator, path: str) -> None:
    held = signed_in(emulator, scope=ALL_OF_ME)
    answer = emulator.client.get(f"{path}?access_token={held['access_token']}").json
    assert CALENDAR in answer["scope"].split() and answer["email"] == ANA
    assert answer["audience" if "v1" in path or "v2" in path else "aud"] == "demo-client"
    assert 3500 < int(answer["expires_in"]) <= 3600
    assert emulator.client.get(f"{path}?access_token=nonsense").status_code == 400


def test_an_id_token_is_told_at_the_debugging_address(emulator: Emulator) -> None:
    held = signed_in(emulator, scope=ALL_OF_ME)
    answer = emulator.client.get(f"/tokeninfo?id_token={held['id_token']}").json
    assert (answer["email"], answer["email_verified"], answer["aud"]) == (ANA, "true", "demo-client")
    assert emulator.client.get(f"/tokeninfo?id_token={held['id_token']}x").status_code == 400


def test_googles_library_verifies_an_id_token(emulator: Emulator) -> None:
    held = signed_in(emulator, scope=ALL_OF_ME)
    found = id_token.verify_oauth2_token(held["id_token"], Request(Session(emulator.client)), audience="demo-client")
    assert (found["sub"], found["email"], found["hd"]) == (emulator.world.accounts[ANA].sub, ANA, "acme.example")


def _key_file(emulator: Emulator, **more: Any) -> dict[str, Any]:
    return dict(emulator.control("service-accounts", more))


def _signed_in_robot(emulator: Emulator, file: dict[str, Any], **more: Any) -> Caller:
    credentials = service_account.Credentials.from_service_account_info(file, scopes=[CALENDAR], **more)
    credentials.refresh(Request(Session(emulator.client)))
    return Caller(emulator.client, credentials.token)


def test_a_service_account_signs_in_and_has_a_calendar_of_its_own(emulator: Emulator) -> None:
    file = _key_file(emulator)
    robot = _signed_in_robot(emulator, file)
    assert robot.ok("GET", "calendars/primary")["id"] == file["client_email"]
    assert robot.refused("POST", EVENTS, LUNCH) == (403, "forbiddenForServiceAccounts")
    certificates = emulator.client.get(urlsplit(file["client_x509_cert_url"]).path).json
    assert certificates[file["private_key_id"]].startswith("-----BEGIN CERTIFICATE-----")


def test_a_delegated_service_account_acts_for_a_person(emulator: Emulator) -> None:
    emulator.world.add_account(ANA)
    robot = _signed_in_robot(emulator, _key_file(emulator, subjects=["*"]), subject=ANA)
    assert robot.ok("POST", EVENTS, LUNCH)["creator"]["email"] == ANA


def _refused(emulator: Emulator, file: dict[str, Any], **claims: Any) -> tuple[str, str]:
    now = int(time.time())
    plain = {"iss": file["client_email"], "aud": file["token_uri"], "scope": CALENDAR, "iat": now, "exp": now + 3600}
    text = jwt.encode({"alg": "RS256"}, plain | claims, jwk.RSAKey.import_key(file["private_key"]))
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": text}
    answer = emulator.client.post("/token", data=form)
    assert answer.status_code in {400, 401}, answer.data
    return answer.json["error"], answer.json["error_description"]


def test_assertions_are_refused_as_google_refuses_them(emulator: Emulator) -> None:
    emulator.world.add_account(ANA)
    file, other = _key_file(emulator, subjects=[BEN]), _key_file(emulator)
    assert _refused(emulator, file, iss="nobody@x.example") == (
        "invalid_grant",
        "Invalid grant: account not found",
    )
    assert _refused(emulator, file | {"private_key": other["private_key"]})[1] == "Invalid JWT Signature."
    assert _refused(emulator, file, iat=1, exp=3601)[1].startswith("Invalid JWT: Token must be a short-lived token")
    assert _refused(emulator, file, aud="https://else.example")[1] == "Invalid JWT: Failed audience check."
    assert _refused(emulator, file, sub="nobody@acme.example") == ("invalid_grant", "Invalid email or User ID")
    assert _refused(emulator, file, sub=ANA)[0] == "unauthorized_client"
    assert _refused(emulator, file, scope="")[0] == "invalid_scope"


def test_a_page_without_a_server_gets_its_token_behind_the_hash(emulator: Emulator) -> None:
    emulator.world.add_account(ANA)
    emulator.control("consent", {"email": ANA})
    query = asked(response_type="token", scope=CALENDAR)
    location = emulator.client.get(f"/o/oauth2/v2/auth?{urlencode(query)}").headers["Location"]
    assert location.startswith(f"{BACK}#") and _back(location)["state"] == "s1"
    assert Caller(emulator.client, _back(location)["access_token"]).ok("GET", EVENTS)["accessRole"] == "owner"


def _keyed(emulator: Emulator, path: str, **more: Any) -> Any:
    return emulator.client.open(f"/calendar/v3/{path}{'&' if '?' in path else '?'}key=AIza-anything", **more)


def test_an_api_key_reads_public_calendars_only(emulator: Emulator, ana: Caller) -> None:
    ana.ok("POST", EVENTS, LUNCH)
    assert _keyed(emulator, f"calendars/{ANA}/events").status_code == 404
    ana.ok("POST", "calendars/primary/acl", {"role": "reader", "scope": {"type": "default"}})
    shown = _keyed(emulator, f"calendars/{ANA}/events")
    assert [item["summary"] for item in shown.json["items"]] == ["Lunch"] and shown.json["accessRole"] == "reader"
    assert _keyed(emulator, f"calendars/{ANA}").json["id"] == ANA
    assert _keyed(emulator, "colors").status_code == 200
    assert _keyed(emulator, "calendars/primary/events").status_code == 404
    for path, method in (("users/me/calendarList", "GET"), (f"calendars/{ANA}/events", "POST")):
        refused = _keyed(emulator, path, method=method, json=LUNCH if method == "POST" else None)
        assert (refused.status_code, refused.json["error"]["errors"][0]["reason"]) == (401, "required")


def test_no_token_at_all_asks_for_a_login(emulator: Emulator) -> None:
    answer = emulator.client.get(f"/calendar/v3/{EVENTS}")
    error = answer.json["error"]
    assert (answer.status_code, error["status"]) == (401, "UNAUTHENTICATED")
    assert (error["errors"][0]["reason"], error["errors"][0]["message"]) == ("required", "Login Required.")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="https://accounts.google.com/"'
    dead = emulator.client.get(f"/calendar/v3/{EVENTS}", headers={"Authorization": "Bearer x"})
    assert dead.json["error"]["errors"][0]["message"] == "Invalid Credentials"
    assert 'error="invalid_token"' in dead.headers["WWW-Authenticate"]


@pytest.mark.parametrize("name", ["access_token", "oauth_token"])
def test_a_token_may_travel_in_the_query(emulator: Emulator, name: str) -> None:
    held = signed_in(emulator, scope=CALENDAR)["access_token"]
    assert emulator.client.get(f"/calendar/v3/{EVENTS}?{name}={held}").status_code == 200
