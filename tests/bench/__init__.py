"""`make bench`: quote and settle against their bars, side by side in one run."""
