import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import conversa_calendar.kit.clock
import conversa_calendar.kit.ids
from conversa_calendar.accounts.row_security import ProtectTenantTables

# A change wakes the endpoints of its account: one job for each and transaction, which becomes visible with the change.
WAKE = """
CREATE FUNCTION webhooks_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT feed_is_open() OR coalesce(current_setting('app.woken', true), '') = pg_current_xact_id()::text THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('app.woken', pg_current_xact_id()::text, true);
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    SELECT 'webhooks', 'conversa_calendar.webhooks.tasks.deliver',
        jsonb_build_object('account_id', account_id, 'endpoint_id', endpoint_id)
    FROM webhooks_endpointrun WHERE account_id = current_setting('app.account')::bigint AND is_on;
    RETURN NULL;
END $$;

CREATE TRIGGER wake AFTER INSERT ON calendars_change FOR EACH STATEMENT EXECUTE FUNCTION webhooks_wake();
"""
REST = """
DROP TRIGGER wake ON calendars_change;
DROP FUNCTION webhooks_wake;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_sight"),
        ("accounts", "0007_inviter"),
        ("calendars", "0014_change_feed"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]
    operations = [
        migrations.CreateModel(
            name="EndpointRun",
            fields=[
                ("endpoint_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField(db_index=True)),
                ("is_on", models.BooleanField(default=True)),
                ("fence", models.BigIntegerField(default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                ("next_attempt_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_on", True), ("next_attempt_at__isnull", False)),
                        fields=["next_attempt_at"],
                        name="endpoint_due",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=conversa_calendar.kit.ids.new_uuid, editable=False, unique=True)),
                ("url", models.TextField()),
                ("description", models.CharField(blank=True, max_length=200)),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None),
                ),
                (
                    "calendars",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                ("sees_private", models.BooleanField(default=False)),
                ("sealed_secret", models.TextField()),
                ("sealed_former", models.TextField(blank=True)),
                ("former_until", models.DateTimeField(null=True)),
                ("cursor", models.TextField()),
                ("is_on", models.BooleanField(default=True)),
                ("off_reason", models.TextField(blank=True)),
                ("off_at", models.DateTimeField(null=True)),
                ("rests", models.IntegerField(default=0)),
                ("last_success_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=conversa_calendar.kit.clock.now)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "viewer",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="accounts.member",
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message", models.UUIDField()),
                ("type", models.CharField(max_length=40)),
                ("object_id", models.CharField(max_length=40)),
                ("item", models.JSONField()),
                ("transaction", models.BigIntegerField()),
                ("row", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("attempts", models.IntegerField(default=0)),
                ("first_attempt_at", models.DateTimeField(null=True)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("status", models.IntegerField(null=True)),
                ("error", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(default=conversa_calendar.kit.clock.now)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="webhooks.endpoint",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["endpoint", "transaction", "row"],
                        name="delivery_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["endpoint", "object_id", "transaction", "row"],
                        name="delivery_order",
                    ),
                    models.Index(fields=["endpoint", "-id"], name="delivery_log"),
                ],
                "constraints": [models.UniqueConstraint(fields=("endpoint", "message"), name="delivery_once")],
            },
        ),
        ProtectTenantTables("Endpoint", "Delivery"),
        migrations.RunSQL(WAKE, REST),
    ]
