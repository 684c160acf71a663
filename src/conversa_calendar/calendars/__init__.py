"""Calendars and their events as people here see and edit them; knows nothing of providers or sync."""
