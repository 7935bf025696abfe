from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoyaltyConfig(AppConfig):
    name = "loyalty"
    verbose_name = _("loyalty")

    def ready(self) -> None:
        from loyalty.admin import approvals as asked
        from loyalty.admin import loans as lent
        from loyalty.card import panels as on_card
        from loyalty.counter import panels
        from loyalty.services import approvals, loans, notices
        from loyalty.services.closing import refuse_while_money_is_left
        from members.registry import register_closing_guard, register_consumer, register_panel

        register_closing_guard("money", refuse_while_money_is_left)
        register_closing_guard("loans", loans.refuse_while_things_are_out)
        register_consumer("loans", {"closed"}, loans.forget)
        register_consumer("approvals", {"closed"}, approvals.ended)
        register_consumer(notices.CONSUMER, notices.KINDS, notices.tell)
        register_panel("counter", "loans", panels.loans, order=-1)
        register_panel("counter", "care", panels.care)
        register_panel("counter", "notes", panels.notes)
        register_panel("card", "loans", on_card.loans, order=-1)
        register_panel("card", "care", on_card.care)
        register_panel("member", "approvals", asked.on_member_page, order=-1)
        register_panel("member", "loans", lent.on_member_page)
