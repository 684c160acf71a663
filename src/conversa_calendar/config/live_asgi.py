"""The ASGI application of the live stream."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversa_calendar.config.settings")
django.setup()

from conversa_calendar.dashboard.live import application  # noqa: E402

__all__ = ["application"]
