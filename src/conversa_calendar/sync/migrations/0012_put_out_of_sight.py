from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0011_compared_occurrences")]
    operations = [
        migrations.AddField("link", "is_dismissed", models.BooleanField(default=False, db_default=False)),
    ]
