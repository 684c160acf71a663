"""`gcal-emulator serve`: the emulator on a port of its own."""

import argparse
import gc
import json
import pickle
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from waitress.server import create_server

from gcal_emulator import control, events
from gcal_emulator.app import create_app
from gcal_emulator.clock import Clock
from gcal_emulator.errors import GoogleError
from gcal_emulator.push import Courier
from gcal_emulator.world import World

_SAVE_EVERY_S = 15.0


def main(argv: list[str] | None = None) -> int:
    """Serves until interrupted; prints `gcal-emulator ready http://…` once it answers."""
    parser = argparse.ArgumentParser(prog="gcal-emulator", description="A local Google Calendar.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the emulator over HTTP")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8085, help="0 picks a free one")
    serve.add_argument("--world", type=Path, help="a JSON file with accounts, calendars and events")
    serve.add_argument("--clock", choices=["real", "manual"], default="real")
    serve.add_argument("--state", type=Path, help="keep the whole state here between runs; wins over --world")
    options = parser.parse_args(argv)
    return _serve(options)


def _serve(options: argparse.Namespace) -> int:
    world = World(Clock(is_manual=options.clock == "manual", now=datetime.now(UTC)))
    if options.state and options.state.exists():
        world.restore(pickle.loads(options.state.read_bytes()))
        world.notifications.clear()
    elif options.world and options.world.exists():
        try:
            control.load(world, json.loads(options.world.read_text()))
        except (ValueError, KeyError, GoogleError) as error:
            print(f"gcal-emulator: {options.world} is not a world file: {error}", file=sys.stderr)
            return 2
    try:
        app = create_app(world)
        gc.set_threshold(100_000, 50, 50)  # a world is large and lives long; looking through it all the time is waste
        server = create_server(app, host=options.host, port=options.port, threads=16)
    except OSError as error:
        print(f"gcal-emulator: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 2
    courier = Courier(world, _Ticker(world, options.state, app.extensions["deliver_late"]))
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


def _save(world: World, path: Path) -> None:
    draft = path.with_suffix(".new")
    with world.lock:
        draft.write_bytes(pickle.dumps(world.snapshot()))
    draft.replace(path)


class _Ticker:
    """Finishes pending conferences, and keeps the state file fresh so that a killed emulator loses little."""

    def __init__(self, world: World, state: Path | None, deliver_late: Callable[[], None]) -> None:
        self.world = world
        self.deliver_late = deliver_late
        self.state = state
        self.saved_seq = world.seq
        self.saved_at = time.monotonic()

    def __call__(self) -> None:
        if not self.world.clock.is_manual:
            with self.world.lock:
                events.settle(self.world)
            self.deliver_late()
        is_due = self.world.seq != self.saved_seq and time.monotonic() - self.saved_at > _SAVE_EVERY_S
        if self.state and is_due:
            self.saved_seq, self.saved_at = self.world.seq, time.monotonic()
            _save(self.world, self.state)


if __name__ == "__main__":
    sys.exit(main())
