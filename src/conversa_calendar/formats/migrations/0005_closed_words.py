from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_closed_words"),
        ("calendars", "0015_closed_words"),
        ("formats", "0004_exports"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="feed",
            name="feed_details",
        ),
        migrations.AddConstraint(
            model_name="feed",
            constraint=models.CheckConstraint(
                condition=models.Q(("details__in", ["busy", "details"])), name="feed_details_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(("guests__in", ["text", "drop", "keep"])), name="import_guests_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["rehearsed", "running", "done", "undoing", "undone"])),
                name="import_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="mailanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["applied", "proposed", "ignored"])), name="mailanswer_outcome_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "superseded", "accepted", "dismissed"])),
                name="proposal_state_word",
            ),
        ),
    ]
