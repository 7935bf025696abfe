"""What people type into forms, read by the rules of the trade: never a float."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.money import MAX_FEN, MoneyTextError, format_zhe, parse_yuan, parse_zhe, yuan_text
from members.text import plain_digits

MOST_BUDGET_FEN = 10_000_000_000  # ¥100 million

SENTENCES: dict[str, Promise] = {
    "amount_unreadable": _("Write an amount in yuan, like 12 or 12.50."),
    "amount_negative": _("The amount must not be below zero."),
    "amount_decimals": _("An amount has at most two decimals."),
    "amount_too_large": _("This amount is too large. Check the digits."),
    "zhe_unreadable": _("Write a discount in 折, like 9 or 8.5."),
    "zhe_decimals": _("A discount has one decimal, like 8.5."),
    "zhe_out_of_range": _("A discount lies between 0.1 and 9.9折."),
}


def _sentence(error: MoneyTextError) -> str:
    if error.suggestion:
        return _("Did you mean %(zhe)s折? Write it with its point.") % {"zhe": error.suggestion}
    return str(SENTENCES[error.code])


class YuanField(forms.CharField):
    """Yuan in the form, fen inside. Empty is None, or 0 where ``empty_is_zero``."""

    def __init__(
        self,
        *,
        max_fen: int = MAX_FEN,
        negative: bool = False,
        empty_is_zero: bool = False,
        **more: Any,
    ) -> None:
        more.setdefault("widget", UnfoldAdminTextInputWidget(_numeric("¥")))
        super().__init__(**more)
        self.max_fen, self.negative, self.empty_is_zero = max_fen, negative, empty_is_zero

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            if value == 0 and self.empty_is_zero:
                return ""
            return yuan_text(value).removesuffix(".00")
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, int) or value is None:
            return value
        text = str(value).strip()
        if not text:
            return 0 if self.empty_is_zero else None
        is_negative = self.negative and text.startswith(("-", "−"))
        try:
            fen = parse_yuan(text.lstrip("-−") if is_negative else text, max_fen=self.max_fen)
        except MoneyTextError as error:
            raise ValidationError(_sentence(error), code=error.code) from None
        return -fen if is_negative else fen

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _changed(self, initial, data)


class ZheField(forms.CharField):
    """折 in the form (8.5), per mille inside (850)."""

    def __init__(self, **more: Any) -> None:
        more.setdefault("widget", UnfoldAdminTextInputWidget(_numeric("折")))
        super().__init__(**more)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return "" if value == 1000 else format_zhe(value).removesuffix("折")
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, int) or value is None:
            return value
        text = str(value).strip()
        if not text:
            return None
        if text in ("0", "0折"):
            return 0  # the nth unit may be free
        try:
            return parse_zhe(text)
        except MoneyTextError as error:
            raise ValidationError(_sentence(error), code=error.code) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _changed(self, initial, data)


class TimesField(forms.CharField):
    """A multiplier in the form (1.5), per mille inside (1500). Once is empty where ``hide_one``."""

    def __init__(self, *, hide_one: bool = False, unit: str | Promise = "×", **more: Any) -> None:
        self.hide_one = hide_one
        more.setdefault("widget", UnfoldAdminTextInputWidget(_numeric(unit)))
        super().__init__(**more)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            if value == 1000 and self.hide_one:
                return ""
            whole, rest = divmod(value, 1000)
            return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, int) or value is None:
            return value
        text = plain_digits(str(value)).rstrip("×倍")
        if not text:
            return None
        whole, _point, rest = text.partition(".")
        if str(value).strip().startswith(("-", "−")):
            whole = ""  # a hyphen groups digits elsewhere; here it says "below zero"
        is_read = whole.isascii() and whole.isdigit() and len(whole) <= 3 and len(rest) <= 3
        if not is_read or (rest and not (rest.isascii() and rest.isdigit())):
            raise ValidationError(_("Write a number like 2 or 1.5."), code="times_unreadable")
        return int(whole) * 1000 + int(rest.ljust(3, "0") or "0")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _changed(self, initial, data)


class PercentField(forms.IntegerField):
    """Whole percents in the form, per mille inside."""

    def prepare_value(self, value: Any) -> Any:
        return value // 10 if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        percent = super().clean(value)
        return None if percent is None else percent * 10

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial)) != str(data)


def _numeric(unit: str | Promise) -> dict[str, Any]:
    return {"inputmode": "decimal", "autocomplete": "off", "suffix": unit}


def _changed(field: forms.CharField, initial: Any, data: Any) -> bool:
    try:
        typed = field.to_python(data)
    except ValidationError:
        return True
    return bool(initial != typed)
