from django.contrib import admin
from django.urls import include, path
from django.urls.resolvers import URLPattern, URLResolver
from django.views.generic import RedirectView

from config.health import healthz
from config.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    # In the order of how often they are asked for.
    path("counter/", include("loyalty.counter.urls")),
    path("m/", include("loyalty.card.urls")),
    path("", RedirectView.as_view(pattern_name="counter:home")),
    path("healthz", healthz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("language/", include("django.conf.urls.i18n")),
]
