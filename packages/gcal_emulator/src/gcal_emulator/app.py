"""The WSGI application: Google's paths, the control API and the web calendar over one world."""

from typing import Any

from flask import Blueprint, Flask, abort, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from gcal_emulator import api, batch, control, discovery, events, gate, oauth, push, transport, web
from gcal_emulator.world import World


def create_app(
    world: World | None = None, deliver: push.Deliver = push.post, *, is_prompt: bool | None = None
) -> Flask:
    """An app over `world`. In process, `deliver` replaces HTTP delivery of notifications. With `is_prompt` (the default
    beside a `deliver`) they are delivered right after the call that caused them, else when the clock is moved or they
    are flushed."""
    world = world or World()
    app = Flask("gcal_emulator")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.extensions["world"] = world
    gate.install_hooks(app, world)
    app.register_blueprint(oauth.blueprint(world))
    app.register_blueprint(api.blueprint(world))
    app.register_blueprint(batch.blueprint(app, world))
    app.register_blueprint(_documents())
    app.register_blueprint(control.blueprint(world, deliver))
    app.register_blueprint(web.blueprint(world))
    is_prompt = deliver is not push.post if is_prompt is None else is_prompt
    serialised = Serialised(app.wsgi_app, world, deliver, is_prompt=is_prompt)
    app.extensions["deliver_late"] = serialised.deliver_late
    app.extensions["tick"] = serialised.tick
    app.wsgi_app = transport.FrontEnd(serialised)  # type: ignore[method-assign]
    return app


def _documents() -> Blueprint:
    """Where discovery begins, and whether anybody is here."""
    documents = Blueprint("documents", __name__)

    @documents.get("/discovery/v1/apis/<name>/<version>/rest")
    def one(name: str, version: str) -> Any:
        made = discovery.DOCUMENTS.get((name, version))
        return made(_apis()) if made else abort(404)

    @documents.get("/$discovery/rest")
    def newer() -> Any:
        named = [
            made for (_name, version), made in discovery.DOCUMENTS.items() if version == request.args.get("version")
        ]
        return named[0](_apis()) if named else abort(404)

    @documents.get("/discovery/v1/apis")
    def all_of_them() -> Any:
        return discovery.directory(_apis())

    @documents.get("/healthz")
    def health() -> Any:
        return {"status": "ok"}

    return documents


def _apis() -> str:
    return transport.origin_of(request.environ, "www.googleapis.com")


class Serialised:
    """Runs one request at a time, except that injected delays and deliveries wait outside the lock."""

    def __init__(self, inner: Any, world: World, deliver: push.Deliver, *, is_prompt: bool = False) -> None:
        self.is_prompt = is_prompt
        self.inner = inner
        self.world = world
        self.deliver = deliver

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO", "").startswith(("/_emulator/notifications", "/_emulator/clock")):
            answer = self.inner(environ, start_response)
            self.deliver_late()
            return answer
        delay = self._delay(environ)
        if delay:
            self.world.clock.sleep(delay)
        self.deliver_late()
        with self.world.lock:
            answer = list(self.inner(environ, start_response))
        self.deliver_late()
        if self.world.has_early_sync or (self.is_prompt and self.world.notifications):
            self.world.has_early_sync = False
            push.deliver_due(self.world, self.deliver)
        return answer

    def tick(self) -> None:
        """What happens by itself while a real clock runs: pending conferences and late requests."""
        if not self.world.clock.is_manual:
            with self.world.lock:
                events.settle(self.world)
            self.deliver_late()

    def deliver_late(self) -> None:
        """Carries out the requests whose delivery was delayed until now; nobody waits for their answers."""
        with self.world.lock:
            now = self.world.clock.now_s()
            ready = [kept for due_at, kept in self.world.late if due_at <= now]
            self.world.late = [item for item in self.world.late if item[0] > now]
            for kept in ready:
                environ = EnvironBuilder(**kept).get_environ() | {"emulator.is_late": True}
                run_wsgi_app(self.inner, environ)

    def _delay(self, environ: dict[str, Any]) -> float:
        """A standing `delay_s` of all requests (a latency for benchmarks) is waited out before the lock."""
        if environ.get("PATH_INFO", "").startswith(("/_emulator", "/ui", "/o/", "/healthz")):
            return 0.0
        return self.world.behaviours.latency_s
