"""What an operator enters in Google's console, and what Google will ask back."""

import json
import sys
from pathlib import Path

from conversa_calendar.config.environment import Environment
from conversa_calendar.connections.gateway import CALLBACK_PATH
from conversa_calendar.providers.google.oauth import PERMISSION_NAMES, REQUIRED, SCOPES


def explain(client_file: Path | None, env: Environment) -> int:
    """Prints redirect address, scopes and warnings; with the downloaded client file also the settings to use."""
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
    if client_file is None:
        return 0
    try:
        held = json.loads(client_file.read_text())
        client = held.get("web") or {}
        client_id, secret = client["client_id"], client["client_secret"]
    except (OSError, ValueError, KeyError) as error:
        print(
            f"conversa-calendar: {client_file} is not a client file of type “Web application”: {error}", file=sys.stderr
        )
        return 2
    if redirect not in client.get("redirect_uris", []):
        print(f"BAD  {redirect} is not among the client's redirect URIs; add it in Google's console.")
    print(f"GOOGLE_CLIENT_ID={client_id}")
    print(f"GOOGLE_CLIENT_SECRET=(the client_secret of {client_file.name}, {len(secret)} characters)")
    return 0
