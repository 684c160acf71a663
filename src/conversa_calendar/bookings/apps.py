from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "conversa_calendar.bookings"
    label = "bookings"

    def ready(self) -> None:
        from conversa_calendar.bookings import letters, listeners, tasks  # noqa: F401
