from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0010_change_feed")]
    operations = [
        migrations.AddField("booking", "moved_by", models.CharField(max_length=20, default="", db_default="")),
    ]
