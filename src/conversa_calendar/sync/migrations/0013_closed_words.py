from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_closed_words"),
        ("calendars", "0015_closed_words"),
        ("connections", "0009_closed_words"),
        ("sync", "0012_put_out_of_sight"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="link",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("intent__kind__in", ["create", "patch", "move", "cancel", "delete", "resolve", "look"])
                ),
                name="link_intent__kind_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="mirror",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["two_way", "read_only", "busy_only"])), name="mirror_mode_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="mirror",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "first_sync",
                            "live",
                            "polling",
                            "paused",
                            "held",
                            "access_reduced",
                            "unavailable",
                            "reconnect_needed",
                        ],
                    )
                ),
                name="mirror_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="mirror",
            constraint=models.CheckConstraint(
                condition=models.Q(("listing__in", ["", "near", "first", "full", "changes"])),
                name="mirror_listing_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="mirror",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "error_action__in",
                        ["", "wait", "check", "reconnect", "confirm_access", "look_at_google", "tell_operator"],
                    )
                ),
                name="mirror_error_action_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="mirrorrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("passed_over_in__in", ["", "runs", "upkeep", "backfill", "webhooks"])),
                name="mirrorrun_passed_over_in_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="pushchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["opening", "live", "closing", "stopped", "refused"])),
                name="pushchannel_state_word",
            ),
        ),
    ]
