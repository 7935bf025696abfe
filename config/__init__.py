import gc

from config.celery import app as celery_app

__all__ = ["celery_app"]

# New objects between two looks for cycles. Python's 700 means many looks in every request and
# thousands in a migration; they took an eighth of a sale's time and a sixth of a first start's.
gc.set_threshold(50_000, 10, 10)
