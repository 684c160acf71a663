"""A local Google Calendar: OAuth, Calendar API v3, push channels, faults, a journal and a virtual clock, in memory."""
