"""Mail that exceeds an account's daily budget waits for another day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calendars", "0007_who_reads_private")]
    operations = [
        migrations.AddField("outgoingmail", "not_before", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "outgoingmail",
            models.Index(
                fields=["not_before"],
                condition=models.Q(sent_at=None, not_before__isnull=False),
                name="mail_waiting",
            ),
        ),
    ]
