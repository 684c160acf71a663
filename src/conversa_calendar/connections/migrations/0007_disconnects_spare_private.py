from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0006_slow_grants")]
    operations = [
        migrations.AddField("disconnect", "sees_private", models.BooleanField(db_default=False, default=False)),
    ]
