"""`gcal-emulator serve`: the emulator on a port of its own; `gcal-emulator proxy`: the same under Google's names."""

import argparse
import gc
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from waitress.server import create_server

from gcal_emulator import behaviours, proxy, state, worlds
from gcal_emulator.app import create_app
from gcal_emulator.clock import Clock
from gcal_emulator.errors import GoogleError
from gcal_emulator.push import Courier
from gcal_emulator.world import Client, Given, World

_SAVE_EVERY_S = 15.0


def main(argv: list[str] | None = None) -> int:
    """Serves until interrupted; prints `gcal-emulator ready http://…` once it answers."""
    parser = argparse.ArgumentParser(prog="gcal-emulator", description="A local Google Calendar.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the emulator over HTTP")
    serve.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container")
    serve.add_argument("--port", type=int, default=8085, help="0 picks a free one")
    serve.add_argument("--world", type=Path, help="a JSON file with accounts, calendars and events")
    serve.add_argument("--clock", choices=["real", "manual"], default="real")
    serve.add_argument("--state", type=Path, help="keep the whole state here between runs; wins over --world")
    serve.add_argument(
        "--client",
        type=_client,
        action="append",
        default=[],
        metavar="ID:SECRET:REDIRECT",
        help="register an OAuth client with its redirect address; several times for several",
    )
    serve.add_argument(
        "--push-http",
        choices=behaviours.VALUES["push_http"],
        default="loopback",
        help="which push addresses may be plain http",
    )
    between = commands.add_parser("proxy", help="answer for Google's own addresses, over HTTPS")
    between.add_argument("--ca-out", type=Path, required=True, help="where to write the authority that clients trust")
    between.add_argument("--host", default="127.0.0.1")
    between.add_argument("--port", type=int, default=8086, help="0 picks a free one")
    between.add_argument("--to", default="http://127.0.0.1:8085", help="where the emulator is")
    options = parser.parse_args(argv)
    return _serve(options) if options.command == "serve" else _proxy(options)


def _client(text: str) -> Client:
    """`id:secret:redirect` as a client; the redirect may hold colons itself, and may be left out."""
    name, _, rest = text.partition(":")
    secret, _, redirect = rest.partition(":")
    if not name or not secret:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID:SECRET:REDIRECT")
    return Client(name, secret, [redirect] if redirect else [])


def _proxy(options: argparse.Namespace) -> int:
    try:
        with proxy.intercepting(options.to, options.ca_out, options.host, options.port) as server:
            port = server.server_address[1]
            print(f"gcal-emulator proxy ready http://{options.host}:{port} trusts {options.ca_out}", flush=True)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            while True:
                time.sleep(3600)
    except OSError as error:
        print(f"gcal-emulator: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, SystemExit):
        return 0


def _serve(options: argparse.Namespace) -> int:
    given = Given(options.client, {"push_http": options.push_http})
    world = World(Clock(is_manual=options.clock == "manual", now=datetime.now(UTC)), given=given)
    if problem := _begin(world, options):
        print(f"gcal-emulator: {problem}", file=sys.stderr)
        return 2
    try:
        app = create_app(world)
        gc.set_threshold(100_000, 50, 50)  # a world is large and lives long; looking through it all the time is waste
        server = create_server(app, host=options.host, port=options.port, threads=16)
    except OSError as error:
        print(f"gcal-emulator: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 2
    courier = Courier(world, _Ticker(world, options.state, app.extensions["tick"]))
    courier.start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = server.effective_port
    print(f"gcal-emulator ready http://{options.host}:{port}", flush=True)
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        courier.stopped.set()
        if options.state:
            _save(world, options.state)
    return 0


def _begin(world: World, options: argparse.Namespace) -> str:
    """Fills a world from the files that were named; answers what was wrong with them."""
    if options.state and options.state.exists():
        try:
            state.restored(world, json.loads(options.state.read_bytes()))
        except ValueError as error:
            return f"{options.state} cannot be taken up ({error}); move it away to begin anew"
        world.notifications.clear()
        world.clients |= {client.id: client for client in options.client}
    elif options.world and options.world.exists():
        try:
            worlds.load(world, json.loads(options.world.read_text()))
        except (ValueError, KeyError, TypeError, AttributeError, GoogleError) as error:
            return f"{options.world} is not a world file: {error}"
    return ""


def _save(world: World, path: Path) -> None:
    draft = path.with_suffix(".new")
    with world.lock:
        text = json.dumps(state.saved(world), separators=(",", ":"))
    draft.write_text(text)
    draft.replace(path)


class _Ticker:
    """Finishes pending conferences, and keeps the state file fresh so that a killed emulator loses little."""

    def __init__(self, world: World, state: Path | None, tick: Callable[[], None]) -> None:
        self.world = world
        self.tick = tick
        self.state = state
        self.saved_seq = world.seq
        self.saved_at = time.monotonic()

    def __call__(self) -> None:
        self.tick()
        is_due = self.world.seq != self.saved_seq and time.monotonic() - self.saved_at > _SAVE_EVERY_S
        if self.state and is_due:
            self.saved_seq, self.saved_at = self.world.seq, time.monotonic()
            _save(self.world, self.state)


if __name__ == "__main__":
    sys.exit(main())
