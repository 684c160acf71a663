from django.apps import AppConfig


class BookingPagesConfig(AppConfig):
    name = "conversa_calendar.booking_pages"
    label = "booking_pages"
