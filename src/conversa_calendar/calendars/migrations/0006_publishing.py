from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calendars", "0005_latest_history")]
    operations = [migrations.AddField("calendar", "publishing_since", models.DateTimeField(null=True))]
