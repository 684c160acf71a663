from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    name = "conversa_calendar.calendars"
    label = "calendars"

    def ready(self) -> None:
        from conversa_calendar.calendars import invitations, listeners, noticeboard  # noqa: F401
