"""Partial responses: the `fields` parameter (guide/performance) with commas, slashes, parentheses and `*`."""

import re
from typing import Any

from gcal_emulator import resources
from gcal_emulator.errors import GoogleError

Tree = dict[str, "Tree"]

_TOKEN = re.compile(r"[^,/()]+|[,/()]")


def parse(text: str) -> Tree:
    """A selector as a tree of names; an empty tree means everything beneath. Raises GoogleError."""
    tokens = _TOKEN.findall(text.replace(" ", ""))
    tree, at = _list(tokens, 0, text)
    if at != len(tokens):
        raise _invalid(text)
    return tree


def apply(value: Any, tree: Tree) -> Any:
    """The selected part of a JSON value; lists are entered item by item."""
    if not tree or ("*" in tree and not tree["*"]):
        return value
    if isinstance(value, list):
        return [apply(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    rest = tree.get("*")
    found = {}
    for name, inner in value.items():
        wanted = tree.get(name, rest)
        if wanted is not None:
            found[name] = apply(inner, wanted)
    return found


def check(tree: Tree, kind: str) -> None:
    """Refuses names that an answer of this kind cannot have. Raises GoogleError."""
    if kind.startswith("["):
        check(tree, kind[1:-1])
        return
    if kind == "any":
        return
    known = resources.members(kind) if kind in resources.FIELDS else None
    for name, inner in tree.items():
        if kind.startswith("<"):
            check(inner, kind[1:-1])
        elif known is None or (name != "*" and name not in known):
            raise _invalid(name)
        elif name != "*":
            check(inner, known[name])


def _list(tokens: list[str], at: int, text: str) -> tuple[Tree, int]:
    tree: Tree = {}
    while True:
        at = _path(tokens, at, tree, text)
        if at >= len(tokens) or tokens[at] != ",":
            return tree, at
        at += 1


def _path(tokens: list[str], at: int, tree: Tree, text: str) -> int:
    if at >= len(tokens) or tokens[at] in ",/()":
        raise _invalid(text)
    name = tokens[at]
    inner: Tree = {}
    at += 1
    if at < len(tokens) and tokens[at] == "/":
        at = _path(tokens, at + 1, inner, text)
    elif at < len(tokens) and tokens[at] == "(":
        inner, at = _list(tokens, at + 1, text)
        if at >= len(tokens) or tokens[at] != ")":
            raise _invalid(text)
        at += 1
    known = tree.get(name)
    tree[name] = inner if known is None else {} if not known or not inner else known | inner
    return at


def _invalid(what: str) -> GoogleError:
    return GoogleError(400, "invalidParameter", f"Invalid field selection {what}", location="fields")
