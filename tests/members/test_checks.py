import pytest
from django.test import override_settings

from members.checks import card_prefix


@pytest.mark.parametrize("prefix", ["9012", "90", "654321", "31", "16", "24", "61"])
def test_prefixes_that_are_ours(prefix: str) -> None:
    with override_settings(CARD_PREFIX=prefix):
        assert card_prefix(None) == []


@pytest.mark.parametrize(
    "prefix", ["", "9", "1012", "1599", "2512", "2900", "30", "6212", "9012345", "90a1", "９０１２"]
)
def test_prefixes_that_are_not(prefix: str) -> None:
    with override_settings(CARD_PREFIX=prefix):
        assert [message.id for message in card_prefix(None)] == ["members.E001"]
