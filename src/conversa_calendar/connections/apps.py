from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "conversa_calendar.connections"
    label = "connections"
