"""Addresses at which calendars can be read as files."""

import django.db.models.deletion
from django.db import migrations, models

import conversa_calendar.kit.clock
import conversa_calendar.kit.ids
from conversa_calendar.accounts.row_security import ProtectTenantTables


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0007_inviter"),
        ("calendars", "0011_next_attempt_of_mail"),
    ]

    operations = [
        migrations.CreateModel(
            name="FeedAddress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=64, unique=True)),
                ("feed", models.UUIDField(unique=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Feed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=conversa_calendar.kit.ids.new_uuid, editable=False, unique=True)),
                ("details", models.CharField(default="busy", max_length=10)),
                ("hint", models.CharField(max_length=12)),
                ("created_at", models.DateTimeField(default=conversa_calendar.kit.clock.now)),
                ("rotated_at", models.DateTimeField(null=True)),
                ("last_read_at", models.DateTimeField(null=True)),
                ("etag", models.CharField(blank=True, max_length=64)),
                ("modified_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "calendar",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="calendars.calendar",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.member",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.member",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
                ("token_id", models.BigIntegerField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("calendar__isnull", False), ("person", None), ("team", None)),
                            models.Q(("calendar", None), ("person", None), ("team__isnull", False)),
                            models.Q(("calendar", None), ("person__isnull", False), ("team", None)),
                            _connector="OR",
                        ),
                        name="feed_one_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("details__in", ("busy", "details"))), name="feed_details"
                    ),
                ],
            },
        ),
        ProtectTenantTables("Feed"),
    ]
