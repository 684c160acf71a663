from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calendars", "0008_mail_budget")]
    operations = [
        migrations.AddField(
            "outgoingmail", "topic", models.CharField(blank=True, db_default="", default="", max_length=20)
        ),
        migrations.AddField("outgoingmail", "about", models.UUIDField(null=True)),
        migrations.AddField("outgoingmail", "facts", models.JSONField(null=True)),
        migrations.AddIndex(
            "outgoingmail",
            models.Index(condition=models.Q(("sent_at", None)), fields=["about", "to"], name="mail_owed"),
        ),
    ]
