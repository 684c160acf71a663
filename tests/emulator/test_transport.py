"""What lies around a call: packed bodies, overridden methods, HEAD, pages of other origins, addresses behind a proxy."""

import gzip
import json
from typing import Any

import pytest
from googleapiclient.http import build_http

from tests.emulator.conftest import ANA, EVENTS, LUNCH, Caller, Emulator

BASE = "/calendar/v3"


def _post(ana: Caller, path: str, data: bytes, **headers: str) -> Any:
    sent = ana.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return ana.client.post(f"{BASE}/{path}", data=data, headers=sent)


def test_a_gzipped_body_is_read(ana: Caller) -> None:
    packed = gzip.compress(json.dumps(LUNCH).encode())
    made = _post(ana, EVENTS, packed, Content_Type="application/json", Content_Encoding="gzip")
    assert made.status_code == 200 and made.json["summary"] == "Lunch"


@pytest.mark.parametrize("data", [b"not packed at all", gzip.compress(b"{}" * 99, mtime=0)[:-9]], ids=["plain", "cut"])
def test_a_body_that_says_gzip_and_is_not_is_a_parse_error(ana: Caller, data: bytes) -> None:
    refused = _post(ana, EVENTS, data, Content_Type="application/json", Content_Encoding="gzip")
    assert (refused.status_code, refused.json["error"]["errors"][0]["reason"]) == (400, "parseError")


def test_answers_are_gzipped_for_who_asks_as_google_wants_it(ana: Caller) -> None:
    plain = ana("GET", "colors")
    only_accepts = ana("GET", "colors", Accept_Encoding="gzip", User_Agent="curl/8")
    assert "Content-Encoding" not in plain.headers and "Content-Encoding" not in only_accepts.headers
    packed = ana("GET", "colors", Accept_Encoding="gzip, deflate", User_Agent="my program (gzip)")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)
    assert json.loads(gzip.decompress(packed.data)) == plain.json


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "GET"])
def test_a_post_may_mean_another_method(ana: Caller, method: str) -> None:
    path = f"{EVENTS}/{ana.ok('POST', EVENTS, LUNCH)['id']}"
    body = b"" if method in {"GET", "DELETE"} else json.dumps(LUNCH | {"summary": "Dinner"}).encode()
    answer = _post(ana, path, body, Content_Type="application/json", X_HTTP_Method_Override=method)
    assert answer.status_code == (204 if method == "DELETE" else 200)
    if method != "DELETE":
        assert ana.ok("GET", path)["summary"] == ("Lunch" if method == "GET" else "Dinner")


def test_a_long_query_of_googles_python_client_makes_no_event(emulator: Emulator, ana: Caller) -> None:
    """The client turns a GET over 2,048 characters into a POST with a form."""
    made = ana.ok("POST", EVENTS, LUNCH)
    form = f"q=Lunch&q={'x' * 2100}&singleEvents=false&maxResults=5".replace(
        "q=" + "x" * 2100, "quotaUser=" + "x" * 2100
    )
    answer = _post(
        ana, EVENTS, form.encode(), Content_Type="application/x-www-form-urlencoded", X_HTTP_Method_Override="GET"
    )
    assert answer.status_code == 200 and [item["id"] for item in answer.json["items"]] == [made["id"]]
    assert len(emulator.world.calendars[ANA].events) == 1


def test_head_answers_like_get_without_a_body(ana: Caller) -> None:
    answer = ana("HEAD", EVENTS)
    assert answer.status_code == 200 and answer.data == b""


def test_a_page_of_another_origin_may_ask_and_read(ana: Caller) -> None:
    origin = {"Origin": "http://localhost:5173"}
    asked = origin | {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,x-goog-api-key",
    }
    preflight = ana.client.options(f"{BASE}/{EVENTS}/x", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization,x-goog-api-key"
    answer = ana("GET", EVENTS, Origin="http://localhost:5173")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    refused = ana.client.get(f"{BASE}/{EVENTS}", headers=origin)
    assert refused.status_code == 401 and refused.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    assert "Access-Control-Allow-Origin" not in ana("GET", EVENTS).headers


def test_behind_a_proxy_for_googles_names_documents_lead_to_google_and_never_in_clear(emulator: Emulator) -> None:
    """A token sent to `http://www.googleapis.com` would reach the real Google, readable for everybody on the way."""
    for host in ("www.googleapis.com", "accounts.google.com:443", "calendar.googleapis.com"):
        document = emulator.client.get("/discovery/v1/apis/calendar/v3/rest", headers={"Host": host}).json
        assert document["rootUrl"] == "https://www.googleapis.com/"
        places = emulator.client.get("/.well-known/openid-configuration", headers={"Host": host}).json
        assert places["authorization_endpoint"] == "https://accounts.google.com/o/oauth2/v2/auth"
        assert places["token_endpoint"] == "https://oauth2.googleapis.com/token"
        assert places["userinfo_endpoint"] == "https://openidconnect.googleapis.com/v1/userinfo"
        assert places["jwks_uri"] == "https://www.googleapis.com/oauth2/v3/certs"


def test_behind_any_other_proxy_documents_name_the_address_that_the_client_used(emulator: Emulator) -> None:
    sent = {"Host": "google.test", "X-Forwarded-Proto": "https"}
    document = emulator.client.get("/discovery/v1/apis/calendar/v3/rest", headers=sent).json
    assert document["baseUrl"] == "https://google.test/calendar/v3/"


@pytest.mark.parametrize(
    "path",
    [
        "/discovery/v1/apis/calendar/v3/rest",
        "/$discovery/rest?version=v3",
        "/discovery/v1/apis/oauth2/v2/rest",
        "/discovery/v1/apis",
        "/healthz",
    ],
)
def test_documents_are_found_where_clients_look_for_them(emulator: Emulator, path: str) -> None:
    assert emulator.client.get(path).status_code == 200


def test_the_document_tells_every_field_and_scope_that_googles_tells(emulator: Emulator) -> None:
    from importlib.resources import files

    text = files("googleapiclient").joinpath("discovery_cache/documents/calendar.v3.json").read_text()
    theirs, ours = json.loads(text), emulator.client.get("/discovery/v1/apis/calendar/v3/rest").json
    assert ours["auth"]["oauth2"]["scopes"].keys() == theirs["auth"]["oauth2"]["scopes"].keys()
    assert ours["schemas"].keys() == theirs["schemas"].keys()
    for name, schema in theirs["schemas"].items():
        assert _bare(ours["schemas"][name]) == _bare(schema), name
    for name, resource in theirs["resources"].items():
        for verb, method in resource["methods"].items():
            assert ours["resources"][name]["methods"][verb].get("scopes", []) == sorted(method["scopes"]), (name, verb)


def _bare(schema: Any) -> Any:
    """What a schema says about form, without words."""
    if not isinstance(schema, dict):
        return schema
    kept = {n: _bare(v) for n, v in schema.items() if n in {"type", "$ref", "items", "properties", "format", "id"}}
    if "properties" in schema:
        kept["properties"] = {name: _bare(value) for name, value in sorted(schema["properties"].items())}
    if "additionalProperties" in schema:
        kept["additionalProperties"] = _bare(schema["additionalProperties"])
    return kept


def test_an_unknown_path_or_method_of_the_api_is_refused_in_json(ana: Caller) -> None:
    assert ana.refused("GET", "nothing/at/all") == (404, "notFound")
    assert ana.refused("PATCH", "colors") == (405, "methodNotAllowed")


def test_googles_python_client_can_build_the_sign_in_api(emulator: Emulator) -> None:
    from googleapiclient.discovery import build_from_document

    document = emulator.client.get("/discovery/v1/apis/oauth2/v2/rest").json
    built = build_from_document(document, http=build_http())
    assert built.userinfo().get().uri.endswith("/oauth2/v2/userinfo?alt=json")
