from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0006_budget")]
    operations = [migrations.AddField("link", "former_uuid", models.UUIDField(null=True))]
