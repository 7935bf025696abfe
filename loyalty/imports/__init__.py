"""What a shop brings from another system.

One file reads one format (``journey``); ``receipts`` writes what was read as facts; ``ringing``
rings receipts up through the counter as a cashier would. A new format is a new reading file.
"""
