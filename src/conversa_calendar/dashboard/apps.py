from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "conversa_calendar.dashboard"
    label = "dashboard"
