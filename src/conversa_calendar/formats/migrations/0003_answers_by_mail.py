"""Answers that came by mail, and the times that guests proposed."""

import django.db.models.deletion
from django.db import migrations, models

import conversa_calendar.kit.clock
import conversa_calendar.kit.ids
from conversa_calendar.accounts.row_security import ProtectTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_inviter"),
        ("calendars", "0013_who_did_it"),
        ("formats", "0002_imports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Proposal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=conversa_calendar.kit.ids.new_uuid, editable=False, unique=True)),
                ("key", models.CharField(blank=True, max_length=20)),
                ("email", models.CharField(max_length=320)),
                ("content", models.TextField()),
                ("comment", models.TextField(blank=True)),
                ("state", models.CharField(default="open", max_length=12)),
                ("created_at", models.DateTimeField(default=conversa_calendar.kit.clock.now)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="accounts.member",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="calendars.event",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="MailAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=conversa_calendar.kit.clock.now)),
                ("fingerprint", models.CharField(max_length=64)),
                ("sender", models.CharField(blank=True, max_length=320)),
                ("method", models.CharField(blank=True, max_length=20)),
                ("uid", models.CharField(blank=True, max_length=500)),
                ("key", models.CharField(blank=True, max_length=20)),
                ("stamp", models.CharField(blank=True, max_length=40)),
                ("outcome", models.CharField(max_length=10)),
                ("reason", models.CharField(blank=True, max_length=40)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="calendars.event",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account", "fingerprint"), name="mail_answer_once")],
            },
        ),
        ProtectTenantTables("MailAnswer", "Proposal"),
    ]
