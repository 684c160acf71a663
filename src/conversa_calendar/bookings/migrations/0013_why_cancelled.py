from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0012_closed_words")]
    operations = [
        migrations.AddField("booking", "cancel_reason", models.TextField(default="", db_default="", blank=True)),
    ]
