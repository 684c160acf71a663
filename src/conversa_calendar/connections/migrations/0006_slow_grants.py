from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0005_key_proof")]
    operations = [
        migrations.AddField("grant", "slow_since", models.DateTimeField(null=True)),
        migrations.AddField("grant", "slow_until", models.DateTimeField(null=True)),
        migrations.AddField("grant", "slow_runs", models.IntegerField(default=0, db_default=0)),
    ]
