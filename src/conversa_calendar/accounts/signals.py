"""News for the layers above: who joined, and whether the module works."""

from django.dispatch import Signal

member_joined = Signal()
"""`member`: joined in this transaction; calendars gives them their own calendar."""

module_switched = Signal()
"""`account`: its switch or suspension changed in this transaction; sync pauses or resumes."""

group_emptied = Signal()
"""`group`: a team or inbox that the platform's directory no longer has; calendars takes back what was assigned to it."""

member_invited = Signal()
"""`member`, `token`, `actor`, `origin`: somebody was invited in this transaction; whoever sends mail owes them the link with
the token, where the installation is reached at `origin`."""

place_given = Signal()
"""`group`, `by`: somebody is about to be added to a team or inbox; whoever knows what a place there gives raises Refused
unless `by` may give it."""

member_left = Signal()
"""`member`: suspended in this transaction; what they connected and were invited to ends or rests."""

member_returned = Signal()
"""`member`: let back in in this transaction; what rested because of them goes on."""
