"""Names each key that seals something; those of credentials stored so far are proven at the next start."""

from typing import Any

from django.db import migrations, models

_USED = """
SELECT split_part(sealed_refresh_token, '.', 1) FROM connections_connection WHERE sealed_refresh_token <> ''
UNION SELECT split_part(sealed_access_token, '.', 1) FROM connections_connection WHERE sealed_access_token <> ''
"""


def name_keys(apps: Any, schema_editor: Any) -> None:
    proofs = apps.get_model("connections", "KeyProof").objects.using(schema_editor.connection.alias)
    accounts = apps.get_model("accounts", "Account").objects.using(schema_editor.connection.alias)
    with schema_editor.connection.cursor() as cursor:
        for account_id in list(accounts.values_list("pk", flat=True)):
            cursor.execute("SELECT set_config('app.account', %s, true)", [str(account_id)])
            cursor.execute(_USED)
            for (key_id,) in cursor.fetchall():
                proofs.get_or_create(key_id=key_id)
        cursor.execute("SELECT set_config('app.account', '', true)")


class Migration(migrations.Migration):
    dependencies = [("connections", "0004_breaker"), ("accounts", "0002_walls")]
    operations = [
        migrations.CreateModel(
            name="KeyProof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.TextField(unique=True)),
                ("sealed", models.TextField(blank=True)),
            ],
        ),
        migrations.RunPython(name_keys, migrations.RunPython.noop),
    ]
