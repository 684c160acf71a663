"""`make demo`: the whole thing on one machine, with a believable company, until Ctrl-C."""

import os
import shutil
import sys
from pathlib import Path

from conversa_calendar.cli import processes, trouble
from conversa_calendar.config.environment import SettingsError
from conversa_calendar.config.postgres import Cluster

HOST = "127.0.0.1"


def main() -> int:
    """Starts database, emulated Google, pages, live stream and worker; fills them on the first run."""
    return trouble.told("demo", _reset if sys.argv[1:] == ["reset"] else _run)


def _run() -> int:
    data_dir = _data_dir()
    data_dir.mkdir(parents=True, exist_ok=True)
    print("Starting the database …", flush=True)
    with Cluster(data_dir):
        return _run_on_free_ports(data_dir)


def _data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR", ".demo")).absolute()


def _run_on_free_ports(data_dir: Path) -> int:
    port = processes.free_port(HOST, _wanted("PORT", 8000))
    google_port = processes.free_port(HOST, _wanted("GOOGLE_PORT", 8085))
    live_port = processes.free_port(HOST, port + 1 if port + 1 != google_port else port + 2)
    origin, google = f"http://{HOST}:{port}", f"http://{HOST}:{google_port}"
    is_real_google = bool(os.environ.get("GOOGLE_CLIENT_ID"))
    os.environ["DATA_DIR"] = str(data_dir)
    os.environ["LIVE_URL"] = f"http://{HOST}:{live_port}/live"
    os.environ.setdefault("EMAIL_URL", f"file://{data_dir / 'mail'}")
    if not is_real_google:
        settings = {"GOOGLE_BASE_URL": google, "GOOGLE_CLIENT_ID": "demo-client", "GOOGLE_CLIENT_SECRET": "demo-secret"}
        os.environ.update(settings | {"PUBLIC_URL": origin})
    return _run_processes(data_dir, port, google_port, live_port, is_real_google)


def _wanted(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65_000:
        raise SettingsError(f"{name} must be a port such as {default}, not “{text}”.")
    return int(text)


def _run_processes(data_dir: Path, port: int, google_port: int, live_port: int, is_real_google: bool) -> int:
    from conversa_calendar.cli import company
    from conversa_calendar.cli.main import _migrated, _proven

    origin, google = f"http://{HOST}:{port}", f"http://{HOST}:{google_port}"
    supervisor = processes.Supervisor()
    try:
        print("Preparing the tables …", flush=True)
        _migrated()
        _proven()
        from django.conf import settings

        static = str(settings.PACKAGE / "dashboard" / "static")
        if not is_real_google:
            print("Starting the emulated Google …", flush=True)
            supervisor.start("google", _google_command(data_dir, google_port), {})
            supervisor.wait_until_ready(f"{google}/_emulator/clock")
        supervisor.start("web", processes.web(HOST, port, static), {})
        supervisor.start("live", processes.live(HOST, live_port), {})
        supervisor.start("worker", processes.worker(), {})
        supervisor.wait_until_ready(f"{origin}/readyz")
        if not company.exists():
            print("Filling in a small company …", flush=True)
            company.create(google if not is_real_google else "", origin)
        print(_welcome(origin, google, data_dir, is_real_google), flush=True)
        supervisor.wait()
    finally:
        supervisor.stop()
    return 0


def _google_command(data_dir: Path, port: int) -> list[str]:
    from conversa_calendar.cli import company

    world = data_dir / "world.json"
    if not world.exists():
        world.write_text(company.world())
    state = data_dir / "google.state"
    command = [sys.executable, "-m", "gcal_emulator.cli", "serve", "--host", HOST, "--port", str(port)]
    return [*command, "--world", str(world), "--state", str(state)]


def _reset() -> int:
    data_dir = _data_dir()
    if not data_dir.exists():
        print("There is no demo to reset.")
        return 0
    if not (data_dir / "secret_key").exists() and any(data_dir.iterdir()):
        raise trouble.Refused(f"{data_dir} does not look like a demo's folder; nothing was removed.")
    Cluster(data_dir).remove()
    shutil.rmtree(data_dir)
    print("The demo starts over next time.")
    return 0


def _welcome(origin: str, google: str, data_dir: Path, is_real_google: bool) -> str:
    from conversa_calendar.cli import company

    google_line = "the real Google, by polling" if is_real_google else f"{google}/"
    return f"""
ConversaLabs Calendar is running. Ctrl-C stops it; data stays in {data_dir}.

  Dashboard   {origin}/        {company.ADMINISTRATOR} / {company.PASSWORD}
              an agent:                    {company.AGENT} / {company.PASSWORD}
              an empty company, module off: {company.NEWCOMER} / {company.PASSWORD}
  “Google”    {google_line}
  Mailbox     {data_dir / "mail"}

Five things to try, with dashboard and “Google” side by side:
  1. Create an event in the dashboard in a Google calendar and see it appear at “Google”.
  2. Edit or delete it at “Google” and watch the open dashboard follow.
  3. Drag one occurrence of the stand-up; then change “this and following”.
  4. Sign in as {company.NEWCOMER}, turn the module on and connect an account.
  5. Revoke the app's access at “Google”, edit something here, then reconnect.
"""


if __name__ == "__main__":
    sys.exit(main())
