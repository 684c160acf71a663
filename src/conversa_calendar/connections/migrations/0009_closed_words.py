from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_closed_words"),
        ("connections", "0008_change_feed"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="breaker",
            constraint=models.CheckConstraint(
                condition=models.Q(("name__in", ["google", "halted"])), name="breaker_name_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["active", "reconnect_needed", "disconnecting"])),
                name="connection_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="disconnect",
            constraint=models.CheckConstraint(
                condition=models.Q(("disposition__in", ["keep", "remove", "purge"])), name="disconnect_disposition_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="disconnect",
            constraint=models.CheckConstraint(
                condition=models.Q(("step__in", ["stopping", "closing", "purging", "detaching", "revoking", "done"])),
                name="disconnect_step_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="disconnect",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "revocation__in",
                        [
                            "revocation pending",
                            "still in use elsewhere in this service",
                            "not confirmed by Google",
                            "revoked",
                        ],
                    )
                ),
                name="disconnect_revocation_word",
            ),
        ),
    ]
