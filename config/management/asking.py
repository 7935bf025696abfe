"""A question before something is gone."""


def is_sure(question: str) -> bool:
    """Whether the person at the keyboard types yes; nobody there means no."""
    try:
        return input(f"{question} Type yes: ").strip().lower() == "yes"
    except EOFError:
        return False
