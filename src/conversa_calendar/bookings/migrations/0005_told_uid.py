from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0004_logo_and_language")]
    operations = [
        migrations.AddField("booking", "told_uid", models.TextField(default="", db_default="", blank=True)),
    ]
