"""Google Calendar API v3 and Google's OAuth: the only place that speaks their spelling."""
