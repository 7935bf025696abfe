from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoyaltyConfig(AppConfig):
    name = "loyalty"
    verbose_name = _("loyalty")

    def ready(self) -> None:
        from loyalty.card import panels as on_card
        from loyalty.counter import panels
        from loyalty.services import notices
        from loyalty.services.closing import refuse_while_money_is_left
        from members.registry import register_closing_guard, register_consumer, register_panel

        register_closing_guard("money", refuse_while_money_is_left)
        register_consumer(notices.CONSUMER, notices.KINDS, notices.tell)
        register_panel("counter", "care", panels.care)
        register_panel("counter", "notes", panels.notes)
        register_panel("card", "care", on_card.care)
