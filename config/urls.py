from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path
from django.urls.resolvers import URLPattern, URLResolver

from config.health import healthz
from config.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("language/", include("django.conf.urls.i18n")),
]
if find_spec("loyalty.counter") and find_spec("loyalty.counter.urls"):
    urlpatterns.append(path("counter/", include("loyalty.counter.urls")))
