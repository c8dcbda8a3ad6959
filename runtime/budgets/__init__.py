"""Budgets: minutes, tokens and money are held before they are spent, and counted after."""

from runtime.budgets.reducers import release, reserve, settle

__all__ = ["release", "reserve", "settle"]
