"""A local Google Calendar: OAuth, Calendar API v3, push channels, faults, a journal and a virtual clock, in memory."""

from importlib.metadata import PackageNotFoundError, version

from gcal_emulator.app import create_app
from gcal_emulator.clock import Clock
from gcal_emulator.testing import Gcal
from gcal_emulator.world import World

try:
    __version__ = version("gcal-emulator")
except PackageNotFoundError:  # run from a folder that was never installed
    __version__ = "0"

__all__ = ["Clock", "Gcal", "World", "__version__", "create_app"]
