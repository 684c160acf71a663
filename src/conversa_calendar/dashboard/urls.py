"""The addresses of the signed-in pages."""

from allauth.account import views as allauth
from django.urls import path
from django.views.generic import RedirectView

from conversa_calendar.dashboard import (
    booking_views,
    calendar_views,
    connection_views,
    event_views,
    sessions,
    settings_views,
    setup_views,
)

urlpatterns = [
    path("setup/<str:token>", setup_views.first_account, name="setup"),
    path("", RedirectView.as_view(pattern_name="calendar"), name="home"),
    path("login", allauth.login, name="account_login"),
    path("logout", allauth.logout, name="account_logout"),
    path("password/again", sessions.password_again, name="account_reauthenticate"),
    path("signup", allauth.signup, name="account_signup"),
    path("password/reset", allauth.password_reset, name="account_reset_password"),
    path("password/reset/done", allauth.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/<str:uidb36>-<str:key>", allauth.password_reset_from_key, name="account_reset_password_from_key"
    ),
    path("password/reset/changed", allauth.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("calendar", calendar_views.calendar, name="calendar"),
    path("calendar/feed", calendar_views.feed_json, name="feed"),
    path("calendar/search", calendar_views.search, name="search"),
    path("calendars/<str:uuid>/toggle", calendar_views.toggle, name="toggle"),
    path("calendars/<str:uuid>/assign", connection_views.assign, name="assign"),
    path("calendars/<str:uuid>", settings_views.calendar, name="calendar_settings"),
    path("events/new", event_views.create, name="event_new"),
    path("events/<str:uuid>", event_views.show, name="event"),
    path("events/<str:uuid>/edit", event_views.edit, name="event_edit"),
    path("events/<str:uuid>/reschedule", event_views.reschedule, name="event_reschedule"),
    path("events/<str:uuid>/delete", event_views.delete, name="event_delete"),
    path("events/<str:uuid>/respond", event_views.respond, name="event_respond"),
    path("events/<str:uuid>/history", event_views.history, name="event_history"),
    path("events/<str:uuid>/history/<int:entry_id>/use", event_views.use_instead, name="event_use"),
    path("trash", calendar_views.trash, name="trash"),
    path("trash/<str:uuid>/restore", calendar_views.restore, name="restore"),
    path("connections", connection_views.overview, name="connections"),
    path("connections/google/start", connection_views.start, name="connect_start"),
    path("connections/google/callback", connection_views.callback, name="connect_callback"),
    path("connections/ask", connection_views.ask, name="connect_ask"),
    path("connections/invite", connection_views.invite, name="connect_invite"),
    path("connections/invitation/<str:secret>", connection_views.accept_invitation, name="accept_invitation"),
    path("connections/<uuid:uuid>/calendars", connection_views.choose, name="choose"),
    path("connections/<uuid:uuid>/reread", connection_views.reread, name="reread"),
    path("connections/<uuid:uuid>/disconnect", connection_views.disconnect, name="disconnect"),
    path("receipts/<uuid:uuid>", connection_views.receipt, name="receipt"),
    path("mirrors/<uuid:uuid>/held", connection_views.held_list, name="held"),
    path("mirrors/<uuid:uuid>/<slug:action>", connection_views.act, name="mirror_act"),
    path("bookings", booking_views.overview, name="bookings"),
    path("bookings/pages/new", booking_views.create, name="booking_page_new"),
    path("bookings/pages/<uuid:uuid>", booking_views.edit, name="booking_page"),
    path("bookings/pages/<uuid:uuid>/why", booking_views.why, name="booking_why"),
    path("bookings/pages/<uuid:uuid>/offer", booking_views.offer, name="booking_offer"),
    path("bookings/<uuid:uuid>/<slug:action>", booking_views.act, name="booking_act"),
    path("settings", settings_views.overview, name="settings"),
    path("settings/profile", settings_views.profile, name="settings_profile"),
    path("settings/account/<slug:what>", settings_views.change, name="settings_change"),
    path("switch-account", settings_views.switch_account, name="switch_account"),
    path("answer/<str:token>", settings_views.answer, name="answer"),
]
