from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0004_closed_words")]
    operations = [migrations.AddField("endpoint", "token_id", models.BigIntegerField(null=True))]
