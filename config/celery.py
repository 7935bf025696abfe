"""The Celery application; each app's tasks.py is found by name."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent, worker_ready

from config.health import report_alive

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("huitou")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
@heartbeat_sent.connect
def worker_is_alive(**_kwargs: Any) -> None:
    report_alive("worker")
