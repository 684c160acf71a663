"""Public addresses of bookings."""

from django.urls import path

from conversa_calendar.booking_pages import manage_views, views

urlpatterns = [
    path("book/embed.js", views.embed_script, name="book_embed"),
    path("book/confirm/<path:token>", views.confirm, name="book_confirm"),
    path("book/<str:key>", views.page, name="book"),
    path("book/<str:key>/form", views.form, name="book_form"),
    path("booking/<path:token>", manage_views.manage, name="booking_manage"),
]
