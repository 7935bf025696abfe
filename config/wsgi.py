import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# A web process keeps connections open between requests; commands and tests do not.
os.environ.setdefault("DATABASE_POOL", "true")

application = get_wsgi_application()
