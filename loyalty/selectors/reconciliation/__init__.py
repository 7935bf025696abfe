"""Recompute everything that is stored twice, and name each difference."""

from loyalty.selectors.reconciliation.checks import Check, Difference
from loyalty.selectors.reconciliation.run import CHECKS, LIMIT, Report, run

__all__ = ["CHECKS", "LIMIT", "Check", "Difference", "Report", "run"]
