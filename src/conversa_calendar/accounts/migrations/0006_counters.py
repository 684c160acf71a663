"""Counters of what must not happen too often; not written to the log of the database, as a crash may forget them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_said_scopes")]
    operations = [
        migrations.CreateModel(
            name="Counter",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.BigIntegerField()),
                ("ends_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE accounts_counter SET UNLOGGED; ALTER TABLE accounts_counter SET (fillfactor = 70)",
            "ALTER TABLE accounts_counter SET LOGGED",
        ),
    ]
