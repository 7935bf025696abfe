from __future__ import annotations

from django.db import migrations

# The words that somebody typed about a loan are kept with the loan alone, where they can be wiped.
WITHOUT_WORDS = """
UPDATE loyalty_clientkey SET response = response - 'thing'
WHERE kind IN ('loan_back', 'loan_not_back', 'loan_undone') AND jsonb_exists(response, 'thing')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0020_approvals"),
    ]

    operations = [migrations.RunSQL(WITHOUT_WORDS, migrations.RunSQL.noop)]
