"""What an operator enters in Google's console, and what Google will ask back."""

import json
from pathlib import Path

from conversa_calendar.cli.trouble import Refused
from conversa_calendar.config.environment import Environment
from conversa_calendar.connections.gateway import CALLBACK_PATH
from conversa_calendar.providers.google.oauth import PERMISSION_NAMES, REQUIRED, SCOPES


def explain(client_file: Path | None, env: Environment) -> int:
    """Prints redirect address, scopes and warnings; with the downloaded client file also the settings to use."""
    client = _read(client_file) if client_file else None
    origin = env.public_url or "http://127.0.0.1:8000"
    redirect = f"{origin}{CALLBACK_PATH}"
    print(f"Authorised redirect URI:  {redirect}")
    print("Scopes:")
    for scope in SCOPES:
        note = PERMISSION_NAMES.get(scope, "who signs in")
        print(f"  {scope}  ({note}{'' if scope in REQUIRED or scope not in PERMISSION_NAMES else ', optional'})")
    if not env.public_url.startswith("https://"):
        print("Google notifies only an https address: set PUBLIC_URL to one, or calendars are polled.")
    print(
        "In Testing, Google ends every authorisation after 7 days and lets in at most 100 listed users: publish the app."
    )
    print("Calendar scopes are sensitive: Google verifies the app before strangers may use it without a warning.")
    if client is None:
        return 0
    client_id, secret, redirects = client
    if redirect not in redirects:
        print(f"BAD  {redirect} is not among the client's redirect URIs; add it in Google's console.")
    print(f"GOOGLE_CLIENT_ID={client_id}")
    assert client_file is not None
    print(f"GOOGLE_CLIENT_SECRET=(the client_secret of {client_file.name}, {len(secret)} characters)")
    return 0


def _read(client_file: Path) -> tuple[str, str, list[str]]:
    """Client id, secret and redirect addresses. Raises Refused."""
    try:
        held = json.loads(client_file.read_bytes())
    except OSError as error:
        raise Refused(f"{client_file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Refused(f"{client_file} is not the JSON file that Google's console offers for download.") from error
    client = held.get("web") if isinstance(held, dict) else None
    if not isinstance(client, dict):
        kind = ", ".join(str(key) for key in held)[:60] if isinstance(held, dict) else type(held).__name__
        raise Refused(f"{client_file} is not a client file of type “Web application”; it holds: {kind}.")
    values = [client.get(name) for name in ("client_id", "client_secret")]
    redirects = client.get("redirect_uris", [])
    if not all(isinstance(value, str) and value for value in values) or not isinstance(redirects, list):
        raise Refused(f"{client_file} lacks client_id or client_secret; download it once more from Google's console.")
    return str(values[0]), str(values[1]), [str(uri) for uri in redirects]
