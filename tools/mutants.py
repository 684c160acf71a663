"""Changes one thing at a time in what decides, and shows that the written-down decisions tell every change.

Each comparison, condition, answer, constant and case of `engine/decide.py` and `engine/series.py` is made wrong; a mutant
is killed when any decision that is written down comes out otherwise, or none at all. Prints killed/all and the survivors.
"""

import ast
import copy
import sys
import types
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
ENGINE = ROOT / "src" / "conversa_calendar" / "engine"

from conversa_calendar.engine import decide as deciding  # noqa: E402
from conversa_calendar.engine import series  # noqa: E402
from conversa_calendar.engine.steps import Steps  # noqa: E402
from tests.support import decisions  # noqa: E402

OPPOSITE: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.Lt: ast.LtE(),
    ast.Eq: ast.NotEq(),
}
EQUIVALENT: dict[str, str] = {}
"""Mutants that decide the same, with the reason why."""


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    """What may be made wrong about one node: in words, and the node that takes its place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in OPPOSITE:
            changed = copy.deepcopy(node)
            changed.ops = [OPPOSITE[type(op)]]
            yield "the other way round", changed
        case ast.BoolOp():
            for left_out in range(len(node.values)):
                rest = [value for number, value in enumerate(node.values) if number != left_out]
                yield f"without part {left_out + 1}", ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
        case ast.IfExp():
            yield "always the first", node.body
            yield "always the second", node.orelse
        case ast.UnaryOp(op=ast.Not()):
            yield "without not", node.operand
        case ast.Constant(value=bool()):
            yield "turned round", ast.Constant(not node.value)
        case ast.Constant(value=int()):
            yield "one more", ast.Constant(node.value + 1)
        case ast.Tuple(elts=[_, *_]) if isinstance(node.ctx, ast.Load):
            yield "nothing", ast.Tuple([], ast.Load())
        case ast.match_case(pattern=ast.MatchAs(pattern=None), guard=None):
            return
        case ast.match_case():
            changed = copy.deepcopy(node)
            changed.guard = ast.Constant(False)
            yield "a case that never is", changed
            if node.guard is not None:
                changed = copy.deepcopy(node)
                changed.guard = None
                yield "a case without its condition", changed
        case ast.If():
            yield "a condition that is never met", ast.If(ast.Constant(False), node.body, node.orelse)


class Change(ast.NodeTransformer):
    """Puts one node in the place of another, which is told by its number in the order of walking."""

    def __init__(self, number: int, choice: int) -> None:
        self.number, self.choice, self.passed, self.said = number, choice, -1, ""

    def visit(self, node: ast.AST) -> ast.AST:
        self.passed += 1
        if self.passed == self.number:
            self.said, changed = list(changes(node))[self.choice]
            assert changed is not None
            return ast.copy_location(changed, node) if hasattr(node, "lineno") else changed
        return self.generic_visit(node)


def numbered(tree: ast.AST) -> list[ast.AST]:
    """The nodes in the order in which a change counts them."""
    found: list[ast.AST] = []

    class Count(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            found.append(node)
            return self.generic_visit(node)

    Count().visit(copy.deepcopy(tree))
    return found


def mutants(path: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every change of one file: where and what, and the changed module."""
    text = path.read_text()
    tree = ast.parse(text)
    lines = text.splitlines()
    for number, node in enumerate(numbered(tree)):
        for choice, _change in enumerate(changes(node)):
            change = Change(number, choice)
            changed = ast.fix_missing_locations(change.visit(copy.deepcopy(tree)))
            assert isinstance(changed, ast.Module)
            line = getattr(node, "lineno", 0) or getattr(getattr(node, "pattern", None), "lineno", 0)
            yield f"{path.name}:{line} {change.said}: {lines[line - 1].strip()}", changed


def is_killed(module: types.ModuleType, changed: ast.Module, known: list[Steps]) -> bool:
    """Whether the decisions of a changed module differ from those that are written down."""
    before = dict(vars(module))
    try:
        exec(compile(changed, str(module.__file__), "exec"), vars(module))
        return any(found != then for found, then in zip(decided(), known, strict=True))
    except (Exception, RecursionError):
        return True
    finally:
        vars(module).clear()
        vars(module).update(before)


def decided() -> Iterator[Steps]:
    """What follows in every case that is written down."""
    for can in decisions.CAPABILITIES:
        for one, here, found in decisions.every():
            yield deciding.decide(one, here, found, can)


def main() -> int:
    assert decisions.whole_table() == decisions.DECISIONS.read_text(), "make golden first"
    known, killed, every = list(decided()), 0, 0
    survivors = []
    for module in (deciding, series):
        for told, changed in mutants(Path(str(module.__file__))):
            every += 1
            if is_killed(module, changed, known):
                killed += 1
            elif told not in EQUIVALENT:
                survivors.append(told)
    print("\n".join(survivors))
    print(f"{killed}/{every} killed, {len(EQUIVALENT)} equivalent, {len(survivors)} survived")
    return int(bool(survivors))


if __name__ == "__main__":
    raise SystemExit(main())
