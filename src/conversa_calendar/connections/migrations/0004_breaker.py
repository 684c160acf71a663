from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0003_doubted_grants")]
    operations = [
        migrations.CreateModel(
            name="Breaker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=20, unique=True)),
                ("open_until", models.DateTimeField()),
                ("failures", models.IntegerField(default=0)),
                ("reason", models.CharField(blank=True, max_length=60)),
            ],
        ),
    ]
