"""What becomes of an error that is caught: whether its text is read, or passed on in another."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass

from visprof.definitions import (
    CLASS_CALLS,
    Chain,
    Definition,
    chain_of,
    is_constant_call,
    statements,
)

__all__ = ["Handler", "handlers"]

# What an `except` may ask of an error without reading its text.
NOT_TEXT = frozenset(("errno", "filename", "start", "end", "lineno", "__context__", "__cause__"))


@dataclass(frozen=True)
class Handler:
    """An ``except ... as error``, and what becomes of the text of the error."""

    kinds: list[Chain | None]  # classes that it catches; None if one cannot be told
    is_value: bool  # whether a value may depend on the text
    raises: list[Chain | None]  # classes of errors that pass the text on
    tried: Chain | None  # the function, where a call of it with constants is all that is tried


@functools.cache
def handlers(definition: Definition) -> list[Handler]:
    """All ``except ... as`` of a definition.

    Parameters
    ----------
    definition : Definition

    Returns
    -------
    list of Handler
    """
    return [
        _handler(definition, caught, node)
        for node in definition.walked
        if isinstance(node, ast.Try | ast.TryStar)
        for caught in node.handlers
        if caught.name
    ]


def _handler(definition: Definition, caught: ast.ExceptHandler, tried: ast.Try) -> Handler:
    kinds = caught.type.elts if isinstance(caught.type, ast.Tuple) else [caught.type]
    raises: list[Chain | None] = []
    waiting: list[ast.AST] = list(caught.body)
    is_value = False
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Raise):
            # the error itself is raised again, or its text is passed on in another's
            if isinstance(inner.exc, ast.Call):
                if _is_shown(caught.name, inner.exc):
                    raises.append(chain_of(inner.exc.func))
                waiting += [of for arg in inner.exc.args for of in _unshown(definition, arg)]
                waiting += [keyword.value for keyword in inner.exc.keywords]
        elif isinstance(inner, ast.Call) and chain_of(inner.func) in CLASS_CALLS:
            pass
        elif isinstance(inner, ast.Attribute) and inner.attr in NOT_TEXT:
            waiting += [] if isinstance(inner.value, ast.Name) else [inner.value]
        elif isinstance(inner, ast.Expr) and _is_log_call(definition, inner.value):
            pass
        elif isinstance(inner, ast.Name) and inner.id == caught.name:
            is_value = True
        else:
            waiting += ast.iter_child_nodes(inner)
    if is_value and (passed_on := _only_raises(definition, caught)):
        is_value, raises = False, [passed_on]
    return Handler([chain_of(of) for of in kinds], is_value, raises, _tried_function(tried))


def _is_shown(name: str, node: ast.AST) -> bool:
    """Whether more than the class of an error is asked for."""
    if isinstance(node, ast.Call) and chain_of(node.func) in CLASS_CALLS:
        return False
    is_it = isinstance(node, ast.Name) and node.id == name
    return is_it or any(_is_shown(name, of) for of in ast.iter_child_nodes(node))


def _unshown(definition: Definition, node: ast.expr) -> list[ast.AST]:
    """Parts of an argument of an error that may do more with an error than show its text."""
    if isinstance(node, ast.Name | ast.Constant):
        return []
    if isinstance(node, ast.JoinedStr):
        return [part for value in node.values for part in _unshown(definition, value)]
    if isinstance(node, ast.FormattedValue):
        return _unshown(definition, node.value)
    if isinstance(node, ast.Call) and definition.is_pure(node):
        return [part for arg in node.args for part in _unshown(definition, arg)]
    return [node]


def _only_raises(definition: Definition, caught: ast.ExceptHandler) -> Chain | None:
    """The class, if all that is done is to raise errors of one, whatever the text decides."""
    lines = list(statements(caught))
    raised = [line.exc for line in lines if isinstance(line, ast.Raise)]
    classes = {chain_of(of.func) if isinstance(of, ast.Call) else None for of in raised}
    targets = [target for of in lines if isinstance(of, ast.Assign) for target in of.targets]
    calls = [of for line in lines for of in ast.walk(line) if isinstance(of, ast.Call)]
    told = [
        call
        for call in calls
        if call not in raised and any(getattr(of, "id", "") == caught.name for of in ast.walk(call))
    ]
    if (
        all(isinstance(line, ast.Raise | ast.If | ast.Assign) for line in lines)
        and all(isinstance(target, ast.Name) for target in targets)
        and all(_only_looks(definition, call) for call in told)
        and isinstance(caught.body[-1], ast.Raise)
        and len(classes) == 1
    ):
        return classes.pop()
    return None


def _only_looks(definition: Definition, call: ast.Call) -> bool:
    """Whether a function that is given an error, or its text, is not one of this package."""
    chain = chain_of(call.func)
    if chain in CLASS_CALLS or definition.is_pure(call):
        return True
    sources = definition.module.imports.get(chain[0], set()) if chain else set()
    own = definition.module.package.partition(".")[0]
    foreign = sources and all(source.partition(".")[0] not in ("", own) for source, _ in sources)
    return bool(foreign) and definition.is_free(chain or ())


def _is_log_call(definition: Definition, node: ast.expr) -> bool:
    chain = chain_of(node.func) if isinstance(node, ast.Call) else None
    return chain is not None and definition.is_free(chain) and definition.module.is_log(chain)


def _tried_function(tried: ast.Try) -> Chain | None:
    call = getattr(tried.body[0], "value", None)
    if len(tried.body) > 1 or not is_constant_call(call):
        return None
    return chain_of(call.func)
