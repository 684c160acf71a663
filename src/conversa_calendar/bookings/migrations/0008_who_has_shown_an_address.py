"""That mail reaches an address is known of a booking and in the visitor's browser, and of no address for everybody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0007_keys_of_each_way_in")]
    operations = [
        migrations.AddField("booking", "is_shown", models.BooleanField(default=False, db_default=False)),
        migrations.RemoveField("addresscount", "is_verified"),
    ]
