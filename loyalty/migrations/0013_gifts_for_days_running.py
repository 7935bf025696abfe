import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0012_catalogue_and_faces_from_a_date"),
    ]

    operations = [
        migrations.CreateModel(
            name="StreakGift",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("days", models.PositiveSmallIntegerField(verbose_name="days running")),
                (
                    "checkin",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="gifts",
                        to="loyalty.checkin",
                    ),
                ),
            ],
            options={
                "verbose_name": "gift of a streak",
                "verbose_name_plural": "gifts of streaks",
                "constraints": [
                    models.UniqueConstraint(fields=("checkin", "days"), name="streakgift_once"),
                    models.CheckConstraint(
                        condition=models.Q(("days__gte", 2)), name="streakgift_days_sane"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StreakStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("days", models.PositiveSmallIntegerField(verbose_name="days running")),
                ("repeats", models.BooleanField(default=True, verbose_name="again each time")),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.giftpack",
                        verbose_name="gift",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        db_index=False,
                        default=1,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="streak_steps",
                        to="loyalty.policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "gift for days running",
                "verbose_name_plural": "gifts for days running",
                "ordering": ["days"],
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "days"), name="streakstep_days_once"),
                    models.CheckConstraint(
                        condition=models.Q(("days__range", (2, 365))), name="streakstep_days_sane"
                    ),
                ],
            },
        ),
    ]
