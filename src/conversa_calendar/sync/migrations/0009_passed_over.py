from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0008_read_before_removed")]
    operations = [
        migrations.AddField("mirrorrun", "passed_over_at", models.DateTimeField(null=True)),
        migrations.AddField("mirrorrun", "passed_over_in", models.CharField(max_length=10, default="", db_default="")),
        migrations.AddIndex(
            "mirrorrun",
            models.Index(
                fields=["passed_over_at"],
                condition=models.Q(passed_over_at__isnull=False),
                name="run_passed_over",
            ),
        ),
    ]
