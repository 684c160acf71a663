from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0005_stale_notice")]
    operations = [
        migrations.AddField("mirrorrun", "grant_id", models.BigIntegerField(null=True)),
        migrations.AddField("mirrorrun", "usage_minute", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("mirrorrun", "units_now", models.IntegerField(default=0, db_default=0)),
        migrations.AddField("mirrorrun", "units_before", models.IntegerField(default=0, db_default=0)),
        migrations.AddField("mirrorrun", "wrote_at", models.DateTimeField(null=True)),
        migrations.AddField("mirror", "late_told_at", models.DateTimeField(null=True)),
        migrations.AddField("pushchannel", "silent_since", models.DateTimeField(null=True)),
        migrations.AddField("pushchannel", "is_missed", models.BooleanField(default=False, db_default=False)),
        migrations.AddField("link", "writes", models.IntegerField(default=0, db_default=0)),
        migrations.AddField("link", "writes_since", models.DateTimeField(null=True)),
        migrations.AddIndex("mirrorrun", models.Index(fields=["usage_minute"], name="run_usage")),
    ]
