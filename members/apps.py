from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("members")

    def ready(self) -> None:
        from members import checks  # noqa: F401  registers itself
        from members.admin.lists import draw_heads_once

        draw_heads_once()
