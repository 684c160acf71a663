from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "conversa_calendar.api"
    label = "api"
