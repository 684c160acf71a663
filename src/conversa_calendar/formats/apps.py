from django.apps import AppConfig


class FormatsConfig(AppConfig):
    name = "conversa_calendar.formats"
    label = "formats"
