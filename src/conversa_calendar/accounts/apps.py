from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "conversa_calendar.accounts"
    label = "accounts"
