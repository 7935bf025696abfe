from members.admin import house  # noqa: F401  registers its pages
