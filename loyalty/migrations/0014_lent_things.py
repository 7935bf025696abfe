import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0013_gifts_for_days_running"),
        ("members", "0007_merging_notes_and_views"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Loan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("thing", models.CharField(blank=True, max_length=60, verbose_name="thing")),
                ("lent_at", models.DateTimeField(verbose_name="lent")),
                ("lent_on", models.DateField()),
                ("due_on", models.DateField(verbose_name="due back")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "out"),
                            ("returned", "brought back"),
                            ("written_off", "written off"),
                            ("cancelled", "undone"),
                        ],
                        default="open",
                        max_length=11,
                        verbose_name="status",
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
            ],
            options={
                "verbose_name": "loan",
                "verbose_name_plural": "loans",
            },
        ),
        migrations.AddField(
            model_name="benefit",
            name="return_days",
            field=models.PositiveSmallIntegerField(
                blank=True, null=True, verbose_name="to be brought back within days"
            ),
        ),
        migrations.AddField(
            model_name="benefit",
            name="stops_when_overdue",
            field=models.BooleanField(
                default=True, verbose_name="nothing more while something is overdue"
            ),
        ),
        migrations.AddConstraint(
            model_name="benefit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("return_days__isnull", True),
                    models.Q(("kind", "special"), ("return_days__range", (1, 365))),
                    _connector="OR",
                ),
                name="benefit_lends_by_a_special_one",
            ),
        ),
        migrations.AddField(
            model_name="loan",
            name="benefit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                to="loyalty.benefit",
                verbose_name="benefit",
            ),
        ),
        migrations.AddField(
            model_name="loan",
            name="ended_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="loan",
            name="ended_shop",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.shop",
            ),
        ),
        migrations.AddField(
            model_name="loan",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="loans",
                to="members.member",
            ),
        ),
        migrations.AddField(
            model_name="loan",
            name="quota_use",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="loyalty.quotause"
            ),
        ),
        migrations.AddField(
            model_name="loan",
            name="shop",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.shop",
                verbose_name="shop",
            ),
        ),
        migrations.AddField(
            model_name="loan",
            name="staff",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="by",
            ),
        ),
        migrations.AddIndex(
            model_name="loan",
            index=models.Index(
                condition=models.Q(("status", "open")), fields=["due_on"], name="loan_open_by_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="loan",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_on__gt", models.F("lent_on"))),
                name="loan_due_after_it_was_lent",
            ),
        ),
        migrations.AddConstraint(
            model_name="loan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at__isnull", True),
                        ("ended_by__isnull", True),
                        ("ended_shop__isnull", True),
                        ("status", "open"),
                    ),
                    models.Q(
                        ("status__in", ["returned", "written_off", "cancelled"]),
                        ("ended_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="loan_ended_when_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="loan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ended_at__isnull", True),
                    ("ended_at__gte", models.F("lent_at")),
                    _connector="OR",
                ),
                name="loan_ended_after_it_was_lent",
            ),
        ),
        migrations.AddConstraint(
            model_name="loan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "cancelled"), _negated=True),
                    ("quota_use__isnull", True),
                    _connector="OR",
                ),
                name="loan_undone_gives_its_use_back",
            ),
        ),
    ]
