"""Booking pages, availability and bookings."""
