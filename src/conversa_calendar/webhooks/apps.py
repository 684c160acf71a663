from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "conversa_calendar.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from conversa_calendar.webhooks import listeners, tasks  # noqa: F401
