"""ConversaLabs Calendar: keeps a support platform's calendars and Google Calendar the same, in both directions."""
