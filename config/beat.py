from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from config.health import REPORT_EVERY, report_alive


class WatchedScheduler(DatabaseScheduler):
    """django-celery-beat's scheduler, which also says that it is alive each time it looks."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        report_alive("beat")
        return min(float(super().tick(*args, **kwargs)), REPORT_EVERY)
