from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0017_list_price_and_budget"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="top_up_max_unproved_fen",
            field=models.BigIntegerField(
                default=100000, verbose_name="most until its phone is confirmed"
            ),
        ),
    ]
