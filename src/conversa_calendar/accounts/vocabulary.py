"""Columns that hold one of a closed set of words."""

from collections.abc import Iterable

from django.db import models

SUFFIX = "_word"
"""How the constraint of such a column is called: by its table, its column and this."""


def one_of(model: str, column: str, words: Iterable[str]) -> models.CheckConstraint:
    """Lets the database refuse every other word; `model` is the name of the table without that of its app."""
    known = [str(word) for word in words]
    return models.CheckConstraint(condition=models.Q(**{f"{column}__in": known}), name=f"{model}_{column}{SUFFIX}")
