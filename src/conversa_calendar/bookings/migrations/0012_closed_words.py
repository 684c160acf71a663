from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_closed_words"),
        ("bookings", "0011_who_moved_it"),
        ("calendars", "0015_closed_words"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "confirmed", "cancelled", "no_show"])),
                name="booking_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("told_state__in", ["", "pending", "confirmed", "cancelled", "no_show"])),
                name="booking_told_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("cancelled_by__in", ["", "host", "visitor"])), name="booking_cancelled_by_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("moved_by__in", ["", "host", "visitor"])), name="booking_moved_by_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="bookingpage",
            constraint=models.CheckConstraint(
                condition=models.Q(("host_mode__in", ["one", "round_robin", "all"])), name="bookingpage_host_mode_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="bookingpage",
            constraint=models.CheckConstraint(
                condition=models.Q(("stale_policy__in", ["hide", "warn"])), name="bookingpage_stale_policy_word"
            ),
        ),
    ]
