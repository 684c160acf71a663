"""Row-level security and composite keys for this app's tenant tables."""

from django.db import migrations

from conversa_calendar.accounts.row_security import ProtectTenantTables


class Migration(migrations.Migration):
    dependencies = [("sync", "0001_initial"), ("connections", "0002_walls")]
    operations = [ProtectTenantTables("Mirror", "Link", "DeepCheck")]
