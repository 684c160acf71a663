"""How long to wait after the n-th failure in a row."""

from conversa_calendar.kit import ids


def delay_s(failures: int, base_s: float = 2.0, cap_s: float = 900.0) -> float:
    """Seconds before the next attempt: doubled each time, capped, with jitter. `failures` counts from 1."""
    return ids.jitter(min(cap_s, base_s * 2.0 ** min(max(failures, 1) - 1, 30)))
