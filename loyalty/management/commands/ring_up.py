from __future__ import annotations

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from loyalty.imports.journey import JourneyFolder, parse_day
from loyalty.imports.ringing import Rung, Till, receipts_from, ring_up
from loyalty.money import format_yuan
from members.errors import Refusal

TIMEOUT = 30  # seconds an answer may take


class Command(BaseCommand):
    help = (
        "Rings receipts of a folder of CSV files up through the running counter, as a cashier "
        "would: quote, settle, and of one in ten a part given back. Repeating it changes "
        "nothing. Exit status 1: refused, or the sums differ from the file's."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder that holds the CSV files")
        parser.add_argument(
            "--from",
            dest="first_day",
            required=True,
            metavar="DATE",
            help="ring up receipts of this day and later ones",
        )
        parser.add_argument(
            "--url", default=f"http://127.0.0.1:{settings.WEB_PORT}", help="where the counter is"
        )
        parser.add_argument("--username", default="owner", help="an owner, who serves all shops")
        parser.add_argument("--password", help="asked for when not given")
        parser.add_argument(
            "--refund-every", type=int, default=10, metavar="N", help="0: give nothing back"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            source = JourneyFolder(options["folder"].expanduser().absolute())
            source.check()
            receipts = receipts_from(source, parse_day(options["first_day"]))
            self._say(_("%(count)s receipts to ring up") % {"count": f"{len(receipts):,}"})
            with httpx.Client(base_url=options["url"], timeout=TIMEOUT, trust_env=False) as http:
                till = Till(http)
                till.log_in(username=options["username"], password=self._password(options))
                rung = ring_up(
                    receipts=receipts,
                    till=till,
                    refund_every=options["refund_every"],
                    progress=self._say,
                )
        except Refusal as error:
            raise CommandError(f"{error.message} [{error.code}]") from error
        self._tell(rung, left_out=len(source.bad_receipts))
        if not rung.agrees:
            raise CommandError(_("The sums differ from the file's.") + " [sums_differ]")

    def _password(self, options: dict[str, Any]) -> str:
        return options["password"] or getpass.getpass()

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}")
        self.stdout.flush()

    def _tell(self, rung: Rung, *, left_out: int) -> None:
        for label, value in (
            (_("Receipts"), f"{rung.receipts:,}"),
            (_("Orders made"), f"{rung.made:,}"),
            (_("Orders that were there already"), f"{rung.replayed:,}"),
            (_("Receipts that cannot be read"), f"{left_out:,}"),
            (_("Sum by the file"), format_yuan(rung.file_fen)),
            (_("Sum by the counter"), format_yuan(rung.server_fen)),
            (_("Paid after discounts"), format_yuan(rung.to_pay_fen)),
            (_("Refunds made"), f"{rung.refunds:,}"),
            (_("Refunds that were there already"), f"{rung.refunds_replayed:,}"),
            (_("Refunds expected"), format_yuan(rung.refund_expected_fen)),
            (_("Refunds by the counter"), format_yuan(rung.refunded_fen)),
        ):
            self.stdout.write(f"{label}: {value}")
