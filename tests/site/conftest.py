from tests.admin.conftest import at_work, house, owner, signed_in

__all__ = ["at_work", "house", "owner", "signed_in"]
