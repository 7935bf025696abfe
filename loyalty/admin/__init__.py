# They register their pages.
from loyalty.admin import audit, ledgers, members, orders, versions  # noqa: F401
