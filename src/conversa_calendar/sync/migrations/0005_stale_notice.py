from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0004_held_index")]
    operations = [migrations.AddField("mirror", "stale_told_at", models.DateTimeField(null=True))]
