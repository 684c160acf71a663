"""The deep check compares what people see over the coming year."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0010_change_feed")]
    operations = [
        migrations.AddField("deepcheck", "compared", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("deepcheck", "compared_until", models.DateTimeField(null=True)),
        migrations.AddField("deepcheck", "differing", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("deepcheck", "differences", models.JSONField(db_default=[], default=list)),
    ]
