from django.db import migrations, models

# Entries whose cause is called differently now, as what slowed a run down is not said in the history any more.
CARRY_OVER = """
ALTER TABLE calendars_history NO FORCE ROW LEVEL SECURITY;
UPDATE calendars_history SET cause = 'edited' WHERE cause = 'slowed';
ALTER TABLE calendars_history FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_closed_words"),
        ("calendars", "0014_change_feed"),
    ]

    operations = [
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="assignment",
            name="assignment_level",
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__in", ["busy", "details", "edit"])), name="assignment_level_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="change",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("done_by__in", ["", "member", "token", "visitor", "guest", "google", "sync", "platform"])
                ),
                name="change_done_by_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["single", "series", "override"])), name="event_kind_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(("notify__in", ["none", "external", "all"])), name="event_notify_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(("sync_state__in", ["native", "synced", "pending", "held", "parked", "refused"])),
                name="event_sync_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("deleted_by__in", ["", "local", "remote", "cut", "orphaned", "moved", "disconnected", "undone"])
                ),
                name="event_deleted_by_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="history",
            constraint=models.CheckConstraint(
                condition=models.Q(("side__in", ["local", "remote", "sync"])), name="history_side_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="history",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "cause__in",
                        [
                            "created",
                            "edited",
                            "deleted",
                            "restored",
                            "moved",
                            "answered",
                            "cut",
                            "continued",
                            "carried over",
                            "joined its series",
                            "no longer fits",
                            "occurrence cancelled",
                            "references",
                            "put back",
                            "shortened",
                            "not sent",
                            "refused",
                            "parked",
                            "not at Google",
                            "imported",
                            "held: approve",
                            "held: keep",
                            "held: put_back",
                            "booked",
                            "rescheduled",
                            "link asked",
                            "guests added",
                        ],
                    )
                ),
                name="history_cause_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="history",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("done_by__in", ["", "member", "token", "visitor", "guest", "google", "sync", "platform"])
                ),
                name="history_done_by_word",
            ),
        ),
    ]
