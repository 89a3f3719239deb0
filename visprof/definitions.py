"""What a module of the package defines, and how that is written down to be compared.

Of a definition the syntax tree is taken, without what no value depends on: layout, comments,
docstrings, and the texts of errors, warnings and log messages.
"""

from __future__ import annotations

import ast
import functools
import symtable
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

__all__ = [
    "BODY", "CLASS_CALLS", "Chain", "Definition", "Imports", "Module", "Writer", "chain_of",
    "is_constant_call", "is_text", "statements",
]  # fmt: skip

Chain = tuple[str, ...]  # a name, and the attributes that are taken of it: ("np", "random", "rand")
Imports = dict[str, set[tuple[str, str | None]]]  # by name: a module, and a name in it or None

BODY = ""  # the name of what a module does when it is imported, other than to define
LOG_METHODS = frozenset(("debug", "info", "warning", "error", "critical", "log"))
# Calls in a message that do no more than show something.
PURE_CALLS = frozenset(("abs", "float", "int", "len", "repr", "round", "str", "type"))

LOADED = ("sys", "modules")
ASSERTION = ("AssertionError",)
CLASS_CALLS = (("isinstance",), ("type",))  # they ask for the class of an error
_SKIPPED_FIELDS = frozenset(("ctx", "kind", "type_comment", "type_ignores"))
_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef, ast.ExceptHandler)


class Module:
    """What a module defines at its top, what it imports, and what it does when it is imported.

    Parameters
    ----------
    source : str
        Its text.
    name : str
        Its full name.
    is_package : bool
        Whether it is the ``__init__`` of a package.
    """

    def __init__(self, source: str, name: str, is_package: bool) -> None:
        tree = ast.parse(source)
        self.package = name if is_package else name.rpartition(".")[0]
        self.definitions: dict[str, Definition] = {}
        self.bound_by_body: set[str] = set()
        self._source = source
        for node in tree.body:
            if _only_imports(node) or is_text(node):
                continue
            defined = _defined_names(node) or [BODY]
            if defined == [BODY]:
                self.bound_by_body |= _stored(node)
            for of in defined:
                self.definitions.setdefault(of, Definition(self)).nodes.append(node)
        top = statements(tree, inside=False)
        self.imports, self.stars, self.imported = _imports(top, self.package)
        # modules of names that the module's `__getattr__` looks up in a table
        self.lazy = _lazy_table(tree) if "__getattr__" in self.definitions else {}

    @functools.cached_property
    def scopes(self) -> dict[tuple[str, int], symtable.SymbolTable]:
        """What names mean inside of each function and class at the top, by its name and line."""
        table = symtable.symtable(self._source, self.package, "exec")
        return {(of.get_name(), of.get_lineno()): of for of in table.get_children()}

    def binds(self, name: str) -> bool:
        """Whether a name stands for something of the module's own, not for a built-in."""
        return name in self.definitions or name in self.imports or name in self.bound_by_body

    def is_log(self, chain: Chain) -> bool:
        """Whether it is ``logging.info``, or a method of the module's logger."""
        if len(chain) != 2 or chain[1] not in LOG_METHODS:
            return False
        if self.imports.get("logging") != {("logging", None)} or "logging" in self.definitions:
            return False
        made = self.definitions.get(chain[0])
        nodes = made.nodes if made is not None and chain[0] not in self.imports else []
        value = getattr(nodes[0], "value", None) if len(nodes) == 1 else None
        is_logger = isinstance(value, ast.Call) and chain_of(value.func) == ("logging", "getLogger")
        return is_logger or chain[0] == "logging"

    def is_warning(self, chain: Chain) -> bool:
        """Whether it is ``warnings.warn``."""
        source = self.imports.get(chain[0])
        return (chain[1:] == ("warn",) and source == {("warnings", None)}) or (
            len(chain) == 1 and source == {("warnings", "warn")}
        )


@dataclass(eq=False)
class Definition:
    """Statements of a module that define one name (nearly always one), or all that define none."""

    module: Module
    nodes: list[ast.stmt] = field(default_factory=list)

    @functools.cached_property
    def walked(self) -> list[ast.AST]:
        """All its nodes."""
        found: list[ast.AST] = []
        waiting: list[ast.AST] = list(self.nodes)
        while waiting:
            node = waiting.pop()
            found.append(node)
            for value in vars(node).values():
                if isinstance(value, ast.AST):
                    waiting.append(value)
                elif isinstance(value, list):
                    waiting += [item for item in value if isinstance(item, ast.AST)]
        return found

    @functools.cached_property
    def imports(self) -> Imports:
        """Where names are from that are imported inside of it."""
        return _imports(self.walked, self.module.package)[0]

    @functools.cached_property
    def imported(self) -> set[str]:
        """Modules that are run when it is."""
        return _imports(self.walked, self.module.package)[2]

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """All names in it, and attributes with a dot before them."""
        found = {node.id for node in self.walked if isinstance(node, ast.Name)}
        for node in self.walked:
            if isinstance(node, ast.Attribute):
                found.add(f".{node.attr}")
            elif isinstance(node, _FUNCTIONS):
                found.add(node.name)
            elif isinstance(node, ast.Call) and _is_import_call(node) and not _first_text(node):
                found.add("__import__")
        if any(chain_of(node) == LOADED for node in self.walked):
            hold = [node for node in self.walked if not _asks_for_keys(node)]
            parts = [part for node in hold for part in ast.iter_child_nodes(node)]
            found |= {"sys.modules" for part in parts if chain_of(part) == LOADED}
        return frozenset(found)

    @functools.cached_property
    def global_names(self) -> set[str]:
        """Names that may stand for what the module has, not for a local of some function."""
        found: set[str] = set()
        for node in self.nodes:
            scope = self.module.scopes.get((getattr(node, "name", ""), node.lineno))
            if scope is None:
                found |= {of.id for of in self.walked if isinstance(of, ast.Name)}
            else:
                found |= _globals_of(scope)
        # what stands outside of the function it belongs to, and what `symtable` passes over
        for node in self.walked:
            if isinstance(node, _FUNCTIONS):
                every = node.args
                arguments = [*every.posonlyargs, *every.args, *every.kwonlyargs]
                arguments += [of for of in (every.vararg, every.kwarg) if of]
                outside = [*node.decorator_list, node.returns, *every.defaults, *every.kw_defaults]
                outside += [of.annotation for of in arguments]
            elif isinstance(node, ast.ClassDef):
                outside = [*node.decorator_list, *node.bases, *(of.value for of in node.keywords)]
            else:
                outside = [node.annotation] if isinstance(node, ast.AnnAssign) else []
            for part in outside:
                if part is not None:
                    found |= {of.id for of in ast.walk(part) if isinstance(of, ast.Name)}
        return found

    @functools.cached_property
    def rebound(self) -> set[str]:
        """Names that have another meaning than the module's in some part of it."""
        found = set(self.imports)
        for node in self.walked:
            if isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, _NAMED):
                found.add(node.name or "")
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
        return found

    @functools.cached_property
    def imported_by_text(self) -> set[str]:
        """Modules that it imports, or gets at, by a text."""
        calls = [node for node in self.walked if isinstance(node, ast.Call)]
        named = {_first_text(node) for node in calls if _is_import_call(node)}
        parts = [node for node in self.walked if isinstance(node, ast.Subscript)]
        named |= {_text_of(of.slice) for of in parts if chain_of(of.value) == LOADED}
        return named - {""}

    @functools.cached_property
    def raised(self) -> list[Chain]:
        """Classes of all errors that it raises with some argument, as they are named."""
        calls = [node.exc for node in self.walked if isinstance(node, ast.Raise)]
        named = {chain_of(call.func) for call in calls if isinstance(call, ast.Call)}
        if any(isinstance(node, ast.Assert) for node in self.walked):
            named.add(ASSERTION)
        return sorted(chain for chain in named if chain)

    def is_free(self, chain: Chain) -> bool:
        """Whether a chain begins with what its name stands for in the module."""
        return chain[0] not in self.rebound

    def is_pure(self, call: ast.Call) -> bool:
        """Whether a call does no more than show its arguments."""
        name = getattr(call.func, "id", "")
        is_builtin = name in PURE_CALLS and name not in self.rebound
        is_plain = not call.keywords and not any(isinstance(of, ast.Starred) for of in call.args)
        return is_builtin and not self.module.binds(name) and is_plain


# --- reading a module -----------------------------------------------------------------------------


def is_text(node: ast.AST) -> bool:
    """Whether a statement is a text and nothing else: a docstring, say."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _only_imports(node: ast.stmt) -> bool:
    """Whether a statement imports, and does no more than to ask first whether that is possible."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and all(map(_only_imports, node.body + node.orelse))
    if isinstance(node, ast.With):  # an error that says what to install, say
        contexts = [item.context_expr for item in node.items]
        return all(map(_only_imports, node.body)) and all(map(is_constant_call, contexts))
    return isinstance(node, ast.Import | ast.ImportFrom)


def is_constant_call(node: object) -> bool:
    """Whether it is a call of what a name stands for, with nothing but constants."""
    if not isinstance(node, ast.Call) or chain_of(node.func) is None:
        return False
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    return all(isinstance(argument, ast.Constant) for argument in arguments)


def chain_of(node: ast.AST) -> Chain | None:
    """Name and attributes of ``name.attribute.attribute``; None if it is something else.

    Examples
    --------
    >>> chain_of(ast.parse("np.linalg.norm").body[0].value)
    ('np', 'linalg', 'norm')
    """
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else None


def _defined_names(node: ast.stmt) -> list[str]:
    """Names that a statement defines and does nothing else; none if it may do more."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    else:
        return []
    names = []
    while targets:
        target, *targets = targets
        if isinstance(target, ast.Tuple | ast.List):
            targets = [*target.elts, *targets]
        elif isinstance(target, ast.Name):
            names.append(target.id)
        else:
            return []
    return names


def statements(node: ast.AST, inside: bool = True) -> Iterator[ast.AST]:
    """All statements below a node; unless ``inside``, not those of functions and classes."""
    for block in _BLOCKS:
        for line in getattr(node, block, ()):
            yield line
            if inside or not isinstance(line, (*_FUNCTIONS, ast.ClassDef)):
                yield from statements(line, inside)


def _stored(node: ast.stmt) -> set[str]:
    """Names that a statement binds; some more do no harm."""
    found = {of.id for of in ast.walk(node) if isinstance(of, ast.Name)}
    return found | {of.name or "" for of in ast.walk(node) if isinstance(of, _NAMED)}


def _imports(nodes: Iterable[ast.AST], package: str) -> tuple[Imports, set[str], set[str]]:
    """Import statements: names with what they may stand for, ``*``, and all that is imported."""
    names: Imports = {}
    stars: set[str] = set()
    modules: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            modules.add(source)
            for alias in node.names:
                if alias.name == "*":
                    stars.add(source)
                else:
                    modules.add(f"{source}.{alias.name}")
                    names.setdefault(alias.asname or alias.name, set()).add((source, alias.name))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                modules.add(alias.name)
                bound = alias.asname or alias.name.partition(".")[0]
                names.setdefault(bound, set()).add((alias.name if alias.asname else bound, None))
    return names, stars, modules


def _lazy_table(tree: ast.Module) -> dict[str, str]:
    """Modules by name, of all dictionaries at a module's top that map names to modules."""
    table: dict[str, str] = {}
    for node in tree.body:
        value = getattr(node, "value", None)
        if isinstance(value, ast.Dict):
            for key, of in zip(value.keys, value.values, strict=True):
                pair = [part.value for part in (key, of) if isinstance(part, ast.Constant)]
                if len(pair) == 2 and all(isinstance(part, str) for part in pair):
                    table[pair[0]] = pair[1]
    return table


def _asks_for_keys(node: ast.AST) -> bool:
    """Whether of a mapping in this node no value is used, or one that is named there."""
    return isinstance(node, ast.comprehension | ast.For | ast.Compare) or (
        isinstance(node, ast.Subscript)
        and (isinstance(node.ctx, ast.Del) or _text_of(node.slice) != "")
    )


def _is_import_call(node: ast.Call) -> bool:
    return "import_module" in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))


def _first_text(call: ast.Call) -> str:
    return _text_of(call.args[0]) if call.args else ""


def _text_of(node: ast.AST) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else ""


def _globals_of(scope: symtable.SymbolTable) -> set[str]:
    found: set[str] = set()
    for symbol in scope.get_symbols():
        # what a class assigns may be read before: it is the module's then
        in_function = scope.get_type() == "function"
        if symbol.is_global() or (symbol.is_referenced() and not in_function):
            found.add(symbol.get_name())
    for child in scope.get_children():
        found |= _globals_of(child)
    return found


# --- writing a definition -------------------------------------------------------------------------


class Writer:
    """Writes a definition down, without positions and without what no value depends on.

    `ast.dump` and `ast.unparse` differ between versions of Python: the first in fields that a
    version added or leaves out if empty, the second in quotes and brackets. Here a field that is
    empty is left out, so that a new one changes nothing until it is used.

    Parameters
    ----------
    definition : Definition
    is_untold : callable
        Whether no code reads the text of an error of the class of this name.

    Attributes
    ----------
    chains : set of Chain
        All names that were written, each with the attributes taken of it; alone where an
        attribute is set.
    """

    def __init__(self, definition: Definition, is_untold: Callable[[Chain], bool]) -> None:
        self.chains: set[Chain] = set()
        self._definition = definition
        self._is_untold = is_untold

    def text(self) -> str:
        """Return the definition, written down."""
        return "\n".join(map(self._write, self._definition.nodes))

    def _write(self, node: object) -> str:
        """An empty text where nothing is left."""
        if isinstance(node, list):
            written = [self._write(item) for item in node]
            return f"[{', '.join(item for item in written if item)}]"
        if not isinstance(node, ast.AST):
            return ascii(node)  # not repr: which letters are printable varies
        if isinstance(node, ast.Constant):
            return f"{type(node.value).__name__} {node.value!a}"
        if isinstance(node, ast.Expr):
            return self._statement(node)
        if isinstance(node, ast.Name | ast.Attribute) and (chain := chain_of(node)):
            self.chains.add(chain if isinstance(node.ctx, ast.Load) else chain[:1])
            return ".".join(chain)
        replaced: dict[str, object] = {}
        if isinstance(node, ast.JoinedStr):  # some versions put empty texts between the parts
            texts = [part for part in node.values if isinstance(part, ast.Constant)]
            empty = [text for text in texts if text.value == ""]
            replaced["values"] = [part for part in node.values if part not in empty]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            call = node.exc
            chain = chain_of(call.func)
            if chain and self._definition.is_free(chain) and self._is_untold(chain):
                replaced["exc"] = ast.Call(call.func, self._without_texts(call.args), call.keywords)
        elif isinstance(node, ast.Assert) and node.msg is not None and self._is_quiet_assertion():
            replaced["msg"] = self._without_texts([node.msg])
        return self._fields(node, replaced)

    def _is_quiet_assertion(self) -> bool:
        return self._definition.is_free(ASSERTION) and self._is_untold(ASSERTION)

    def _fields(self, node: ast.AST, replaced: dict[str, object]) -> str:
        parts = []
        for name in node._fields:
            value = replaced.get(name, getattr(node, name, None))
            if name not in _SKIPPED_FIELDS and value is not None and value != []:
                parts.append(f"{name}={self._write(value)}")
        return f"{type(node).__name__}({', '.join(parts)})"

    def _statement(self, node: ast.Expr) -> str:
        call = node.value
        if is_text(node):
            return ""
        chain = chain_of(call.func) if isinstance(call, ast.Call) else None
        if chain is not None and self._definition.is_free(chain):
            if self._definition.module.is_log(chain):
                values = [*call.args, *(keyword.value for keyword in call.keywords)]
                parts = [part for value in values for part in self._active_parts(value)]
                return self._write(parts) if parts else ""
            if self._definition.module.is_warning(chain) and call.args:
                arguments = [*self._without_texts(call.args[:1]), *call.args[1:]]
                return self._write(ast.Call(call.func, arguments, call.keywords))
        return self._fields(node, {})

    def _without_texts(self, arguments: list[ast.expr]) -> list[ast.expr]:
        """Arguments, of those that are texts only what may do more than be shown."""
        parts: list[ast.expr] = []
        for argument in arguments:
            parts += self._active_parts(argument) if _is_message(argument) else [argument]
        return parts

    def _active_parts(self, node: ast.expr | None) -> list[ast.expr]:
        """Parts of a message that may do more than be shown, such as calls."""
        if node is None or isinstance(node, ast.Constant | ast.Name):
            return []
        inner: list[ast.expr | None]
        if isinstance(node, ast.JoinedStr | ast.BoolOp):
            inner = list(node.values)
        elif isinstance(node, ast.FormattedValue):
            inner = [node.value, node.format_spec]
        elif isinstance(node, ast.BinOp):
            inner = [node.left, node.right]
        elif isinstance(node, ast.Compare):
            inner = [node.left, *node.comparators]
        elif isinstance(node, ast.IfExp):
            inner = [node.test, node.body, node.orelse]
        elif isinstance(node, ast.Attribute):
            inner = [node.value]
        elif isinstance(node, ast.Subscript):
            inner = [node.value, node.slice]
        elif isinstance(node, ast.Tuple | ast.List):
            inner = list(node.elts)
        elif isinstance(node, ast.Call) and self._definition.is_pure(node):
            inner = list(node.args)
        else:
            return [node]
        return [part for of in inner for part in self._active_parts(of)]


def _is_message(node: ast.expr) -> bool:
    """Whether an expression is a text that is written there."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return _is_message(node.left) or (isinstance(node.op, ast.Add) and _is_message(node.right))
    return isinstance(node, ast.IfExp) and _is_message(node.body) and _is_message(node.orelse)
