"""Small tools that know neither calendars nor Django."""
