from __future__ import annotations

from django.db import migrations, models

# Who demonstrably came into their card by a code, or by a WeChat account linked after the phone
# was proved: the newest such trace, unless the phone may be another one since.
KNOWN = """
UPDATE members_member m SET phone_proved_at = t.at
FROM (
    SELECT member_id, max(at) AS at FROM (
        SELECT member_id, at FROM members_consent
        WHERE source LIKE 'join:%' AND staff_id IS NULL AND granted
        UNION ALL
        SELECT member_id, at FROM members_identity
    ) found GROUP BY member_id
) t
WHERE t.member_id = m.id AND m.phone IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM members_event e WHERE e.member_id = m.id
        AND (e.kind = 'merged' OR (e.kind = 'phone_changed' AND e.at >= t.at))
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0010_birthdays_to_be_found"),
    ]

    operations = [
        migrations.AddField(
            model_name="member",
            name="phone_proved_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="phone confirmed"),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("phone_proved_at__isnull", True),
                    ("phone__isnull", False),
                    _connector="OR",
                ),
                name="member_proved_has_phone",
            ),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
