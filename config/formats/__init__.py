"""How dates and times are written, where it differs from Django's own way."""
