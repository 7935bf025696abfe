# They register their pages.
from loyalty.admin import audit, catalogue, coupons, ledgers, members, orders, versions  # noqa: F401
