"""The WSGI application: Google's paths, the control API and the web calendar over one world."""

from typing import Any

from flask import Flask, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from gcal_emulator import api, batch, control, discovery, gate, oauth, push, web
from gcal_emulator.world import World


def create_app(world: World | None = None, deliver: push.Deliver = push.post) -> Flask:
    """An app over `world`. In process, `deliver` replaces HTTP delivery of notifications."""
    world = world or World()
    app = Flask("gcal_emulator")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.extensions["world"] = world
    gate.install_hooks(app, world)
    app.register_blueprint(oauth.blueprint(world))
    app.register_blueprint(api.blueprint(world))
    app.register_blueprint(batch.blueprint(app, world))
    app.add_url_rule(
        "/discovery/v1/apis/calendar/v3/rest", "discovery", lambda: discovery.document(request.host_url.rstrip("/"))
    )
    app.register_blueprint(control.blueprint(world, deliver))
    app.register_blueprint(web.blueprint(world))
    serialised = Serialised(app.wsgi_app, world, deliver)
    app.extensions["deliver_late"] = serialised.deliver_late
    app.wsgi_app = serialised  # type: ignore[method-assign]
    return app


class Serialised:
    """Runs one request at a time, except that injected delays and deliveries wait outside the lock."""

    def __init__(self, inner: Any, world: World, deliver: push.Deliver) -> None:
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
        if self.world.has_early_sync:
            self.world.has_early_sync = False
            push.deliver_due(self.world, self.deliver)
        return answer

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
        if environ.get("PATH_INFO", "").startswith(("/_emulator", "/ui", "/o/")):
            return 0.0
        return self.world.behaviours.latency_s
