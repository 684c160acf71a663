"""What may be done in one calendar at the provider."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`can_write`: events may be written there; `is_busy_only`: only times are shown, so nothing can be read back."""

    can_write: bool = True
    is_busy_only: bool = False
