from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "conversa_calendar.connections"
    label = "connections"

    def ready(self) -> None:
        from conversa_calendar.connections import listeners  # noqa: F401
