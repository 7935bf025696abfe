import pytest

from members import registry
from tests.wechat import impatient, wechat

__all__ = ["impatient", "wechat"]


@pytest.fixture(autouse=True)
def _registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it; what the apps registered does not disturb it."""
    monkeypatch.setattr(registry, "_consumers", {})
    monkeypatch.setattr(registry, "_closing_guards", {})
