"""Open formats: what leaves and comes in as iCalendar files, addresses and mail."""
