from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_webhooks")]
    operations = [migrations.AddField("endpoint", "rests_until", models.DateTimeField(null=True))]
