"""Who answers for an invitation. Those that stand already, for a week at most, name nobody and go on."""

import django.db.models.deletion
from django.db import migrations

from conversa_calendar.accounts.tenancy import tenant_key

REFER = """
ALTER TABLE accounts_member ADD CONSTRAINT accounts_member_invited_by_id_tenant
    FOREIGN KEY (account_id, invited_by_id) REFERENCES accounts_member (account_id, id)
    ON DELETE SET NULL (invited_by_id) DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_counters")]
    operations = [
        migrations.AddField(
            "member",
            "invited_by",
            tenant_key("accounts.member", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+"),
        ),
        migrations.RunSQL(REFER, "ALTER TABLE accounts_member DROP CONSTRAINT accounts_member_invited_by_id_tenant"),
    ]
