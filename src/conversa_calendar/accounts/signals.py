"""News for the layers above: who joined, and whether the module works."""

from django.dispatch import Signal

member_joined = Signal()
"""`member`: joined in this transaction; calendars gives them their own calendar."""

module_switched = Signal()
"""`account`: its switch or suspension changed in this transaction; sync pauses or resumes."""

group_emptied = Signal()
"""`group`: a team or inbox that the platform's directory no longer has; calendars takes back what was assigned to it."""

member_left = Signal()
"""`member`: suspended in this transaction; what they connected and were invited to ends or rests."""

member_returned = Signal()
"""`member`: let back in in this transaction; what rested because of them goes on."""
