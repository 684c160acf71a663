from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0010_change_feed")]
    operations = [
        migrations.AddField("link", "is_dismissed", models.BooleanField(default=False, db_default=False)),
    ]
