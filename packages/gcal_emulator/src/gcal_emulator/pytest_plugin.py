"""A pytest plugin: the fixture `gcal` is a Google Calendar of its own for each test, in the test's process.

```python
def test_my_code(gcal):
    gcal.account("ana@example.com")
    my_code(gcal.url, gcal.credentials("ana@example.com"))
    gcal.assert_asked("events.insert", body={"summary": "Lunch"})
```
"""

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from waitress.server import create_server

from gcal_emulator.app import create_app
from gcal_emulator.push import Courier
from gcal_emulator.testing import Gcal
from gcal_emulator.world import World


@pytest.fixture(scope="session")
def _gcal_served() -> Iterator[Gcal]:
    """One server for the whole run, whose world is emptied before each test."""
    world = World()
    app = create_app(world)
    server: Any = create_server(app, host="127.0.0.1", port=0, threads=8)
    Thread(target=server.run, daemon=True, name="gcal").start()
    courier = Courier(world, app.extensions["tick"])
    courier.start()
    yield Gcal(world, app, f"http://127.0.0.1:{server.effective_port}")
    courier.stopped.set()
    server.close()


@pytest.fixture
def gcal(_gcal_served: Gcal) -> Gcal:
    """A fresh Google Calendar: address, accounts, credentials, faults, clock, and what it was asked."""
    _gcal_served.begin_again()
    return _gcal_served
