"""The WSGI application: Google's paths, the control API and the web calendar over one world."""

from typing import Any

from flask import Flask, request

from gcal_emulator import api, batch, control, discovery, oauth, push, web
from gcal_emulator.world import World


def create_app(world: World | None = None, deliver: push.Deliver = push.post) -> Flask:
    """An app over `world`. In process, `deliver` replaces HTTP delivery of notifications."""
    world = world or World()
    app = Flask("gcal_emulator")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.extensions["world"] = world
    api.install_hooks(app, world)
    app.register_blueprint(oauth.blueprint(world))
    app.register_blueprint(api.blueprint(world))
    app.register_blueprint(batch.blueprint(app, world))
    app.add_url_rule(
        "/discovery/v1/apis/calendar/v3/rest", "discovery", lambda: discovery.document(request.host_url.rstrip("/"))
    )
    app.register_blueprint(control.blueprint(world, deliver))
    app.register_blueprint(web.blueprint(world))
    app.wsgi_app = Serialised(app.wsgi_app, world)  # type: ignore[method-assign]
    return app


class Serialised:
    """Runs one request at a time, except that injected delays and deliveries wait outside the lock."""

    def __init__(self, inner: Any, world: World) -> None:
        self.inner = inner
        self.world = world

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO", "").startswith(("/_emulator/notifications", "/_emulator/clock")):
            return self.inner(environ, start_response)
        delay = self._delay(environ)
        if delay:
            self.world.clock.sleep(delay)
        with self.world.lock:
            return list(self.inner(environ, start_response))

    def _delay(self, environ: dict[str, Any]) -> float:
        """A standing `delay_s` of all requests (a latency for benchmarks) is waited out before the lock."""
        if environ.get("PATH_INFO", "").startswith(("/_emulator", "/ui", "/o/")):
            return 0.0
        return self.world.behaviours.latency_s
