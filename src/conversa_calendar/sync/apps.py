from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "conversa_calendar.sync"
    label = "sync"

    def ready(self) -> None:
        from conversa_calendar.sync import listeners, tasks  # noqa: F401
