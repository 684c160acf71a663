from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0007_former_event")]
    operations = [
        migrations.AddField("mirrorrun", "read_at", models.DateTimeField(null=True)),
        migrations.AddField("link", "asked_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "link",
            models.Index(
                fields=["account"],
                condition=models.Q(asked_at__isnull=False, tombstoned_at=None),
                name="link_asked",
            ),
        ),
    ]
