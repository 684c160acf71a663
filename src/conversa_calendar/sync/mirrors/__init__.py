"""Calendars that are mirrored: chosen, published, asked for busy time, notified of, held, and let go."""
