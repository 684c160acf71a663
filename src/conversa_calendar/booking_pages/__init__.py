"""The public web of booking pages; no sign-in."""
