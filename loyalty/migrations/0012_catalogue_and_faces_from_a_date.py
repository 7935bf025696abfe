from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0011_rules_from_a_date"),
        ("members", "0007_merging_notes_and_views"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="plannedchange",
            name="plannedchange_kind_known",
        ),
        migrations.AddField(
            model_name="plannedchange",
            name="pictures",
            field=models.ManyToManyField(related_name="+", to="members.cardimage"),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        (
                            "tier",
                            "policy",
                            "benefit",
                            "coupontemplate",
                            "giftpack",
                            "topupplan",
                            "product",
                            "category",
                            "cardface",
                        ),
                    )
                ),
                name="plannedchange_kind_known",
            ),
        ),
    ]
