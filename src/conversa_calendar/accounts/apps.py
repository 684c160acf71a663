from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "conversa_calendar.accounts"
    label = "accounts"

    def ready(self) -> None:
        from conversa_calendar.accounts import sign_in  # noqa: F401 - connects its receivers
