"""What a definition of a package reaches, and a version of it that changes only with its values.

A definition is a function, a class or a constant at the top of a module. It reaches what it names,
in its own module or in others; a class counts whole. What is compared is the syntax tree without
what no value depends on: comments, layout, docstrings, and the texts of errors, warnings and log
messages, so far as no code that is reached reads those. Where it cannot be told what code does, as
in a module that is handed on as a value, all of it counts.
"""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from visprof.definitions import BODY, Chain, Definition, Module, Writer, chain_of, is_text
from visprof.handlers import Handler, handlers

__all__ = ["Package", "Place"]

Place = tuple[str, str]  # a module, and a name that it defines; "" for what it does when imported
ANY = "any"  # stands for every class of exceptions
# Names and attributes by which code gets at what is not seen from its text: with it, all counts.
BLIND = frozenset((
    "__doc__", ".__doc__", "__import__", ".__globals__", ".__subclasses__", "eval", "exec",
    "globals", "sys.modules", "getdoc", ".getdoc", "getsource", ".getsource", "getsourcelines",
    ".getsourcelines",
))  # fmt: skip
# Names and attributes by which code reads messages other than in an `except ... as`.
READS_MESSAGES = frozenset((
    "__exit__", "catch_warnings", ".catch_warnings", "exc_info", ".exc_info", ".exception",
    "format_exc", ".format_exc", "format_exception", ".format_exception",
))  # fmt: skip
OF_EVERY_MODULE = frozenset(("__file__", "__name__", "__package__", "__path__", "__spec__"))


@functools.cache
def _read(source: str, name: str, is_package: bool) -> Module:
    return Module(source, name, is_package)


class Package:
    """The modules of a package, each parsed once, when it is first reached.

    Parameters
    ----------
    sources : mapping of str to str
        Text of each module by its full name; a package's is that of its ``__init__``.

    Examples
    --------
    >>> text = "def double(x): return {} * x"
    >>> two, three = (Package({"m": text.format(n)}).version("m", "double") for n in (2, 3))
    >>> two == three
    False
    >>> two == Package({"m": text.format(2) + "  # twice"}).version("m", "double")
    True
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = dict(sources)
        self._modules: dict[str, Module] = {}
        self._uses: dict[tuple[Place, tuple[bool, ...]], _Use] = {}
        self._imported: dict[str, frozenset[str]] = {}

    def version(self, module: str, name: str) -> str:
        """Hash a definition with all that it reaches.

        Parameters
        ----------
        module : str
            Full name of a module.
        name : str
            What it defines, or imports from another module of the package. A name that cannot be
            found stands for the whole module.

        Returns
        -------
        str
            The same on every machine, and by every version of Python that reads the text alike.

        Raises
        ------
        KeyError
            If the package has no such module.
        """
        places, told = self._settled(module, name)
        texts = [self._use(place, told).text for place in sorted(places)]
        if any(self._definition(place).names & BLIND for place in places):
            texts += [text for _, text in sorted(self.sources.items())]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:20]

    def reached(self, module: str, name: str) -> set[Place]:
        """Places that a definition reaches, itself among them; parameters as for `version`."""
        return self._settled(module, name)[0]

    def _settled(self, module: str, name: str) -> tuple[set[Place], frozenset[str]]:
        """What is reached, and the exceptions whose messages become values in it."""
        told: frozenset[str] = frozenset()
        while True:  # a message that counts may name what was not reached before
            places = self._closure(self._start(module, name), told)
            more = told | self._told(places)
            if more == told:
                return places, told
            told = more

    def _start(self, module: str, name: str) -> set[Place]:
        """Where a definition is, wherever it is imported from; the module if it is nowhere."""
        found, is_known = self._look_up(module, (name,), set())
        places = self._own(found) if is_known else set()
        return places or self._own(self._whole(module, set()))

    def _own(self, places: Iterable[Place]) -> set[Place]:
        """Those of this package: nothing is known of others."""
        return {place for place in places if place[0] in self.sources}

    def _closure(self, start: Iterable[Place], told: frozenset[str]) -> set[Place]:
        found: set[Place] = set()
        waiting = set(start)
        modules: set[str] = set()
        while waiting:
            place = waiting.pop()
            found.add(place)
            run = ({place[0]} | self._definition(place).imported) & self.sources.keys()
            for module in run - modules:
                waiting |= {(other, BODY) for other in self._imported_by(module)}
            modules |= run
            waiting |= self._use(place, told).targets
            waiting -= found
        return found

    def _imported_by(self, module: str) -> frozenset[str]:
        """Modules that are run when this one is imported, so far as they do more than define."""
        if module not in self._imported:
            found: set[str] = set()
            waiting = {module}
            while waiting:
                name = waiting.pop()
                found.add(name)
                parents = {name[:at] for at, letter in enumerate(name) if letter == "."}
                waiting |= (parents | self._module(name).imported) & self.sources.keys()
                waiting -= found
            self._imported[module] = frozenset(
                name for name in found if BODY in self._module(name).definitions
            )
        return self._imported[module]

    def _module(self, name: str) -> Module:
        if name not in self._modules:
            is_package = any(other.startswith(f"{name}.") for other in self.sources)
            self._modules[name] = _read(self.sources[name], name, is_package)
        return self._modules[name]

    def _definition(self, place: Place) -> Definition:
        return self._module(place[0]).definitions[place[1]]

    # --- from names to what they stand for ---

    def _look_up(
        self, module: str, chain: Chain, seen: set[tuple[str, Chain]]
    ) -> tuple[set[Place], bool]:
        """Places of a chain of names, and whether it is known what the name stands for at all."""
        if not chain:
            return self._whole(module, set()), True
        if (module, chain) in seen:  # a package and its modules import from each other
            return set(), True
        seen.add((module, chain))
        head, rest = chain[0], chain[1:]
        own = self._module(module)
        found: set[Place] = {(module, head)} if head in own.definitions else set()
        known = bool(found) or head in OF_EVERY_MODULE
        for source, original in own.imports.get(head, ()):
            found |= self._imported_places(source, original, rest, seen)
            known = True
        if f"{module}.{head}" in self.sources and not found:
            places, is_known = self._look_up(f"{module}.{head}", rest, seen)
            found |= places if is_known else self._whole(f"{module}.{head}", set())
            known = True
        if not known and head in own.lazy:
            source = own.lazy[head]
            for target in (source, f"{module}.{source.lstrip('.')}"):
                if target in self.sources:
                    places, is_known = self._look_up(target, chain, seen)
                    found |= places if is_known else self._whole(target, set())
                    known = True
        if not known and head in own.bound_by_body:
            return {(module, BODY)}, True
        if not known:
            for source in own.stars & self.sources.keys():
                places, is_known = self._look_up(source, chain, seen)
                found, known = found | places, known or is_known
        return found, known

    def _imported_places(
        self, source: str, original: str | None, rest: Chain, seen: set[tuple[str, Chain]]
    ) -> set[Place]:
        """Places of an imported name; of another package it is one that nothing is known of."""
        if source not in self.sources:
            return {(source, original or "")}
        places, is_known = self._look_up(source, (original, *rest) if original else rest, seen)
        return places if is_known else self._whole(source, set())

    def _whole(self, module: str, seen: set[str]) -> set[Place]:
        """Everything that a module defines, or has imported from others of the package."""
        if module in seen:
            return set()
        seen.add(module)
        own = self._module(module)
        found = {(module, name) for name in own.definitions}
        for imports in own.imports.values():
            for source, original in imports:
                if original is None and source in self.sources:
                    found |= self._whole(source, seen)
                else:
                    found |= self._imported_places(source, original, (), set())
        for source in own.stars & self.sources.keys():
            found |= self._whole(source, seen)
        return found

    # --- one definition ---

    def _use(self, place: Place, told: frozenset[str]) -> _Use:
        """What a definition says and names, if the messages of these exceptions are read."""
        untold = {
            chain: self._is_untold(place, chain, told) for chain in self._definition(place).raised
        }
        key = (place, tuple(untold.values()))
        if key not in self._uses:
            self._uses[key] = self._analyse(place, untold.__getitem__)
        return self._uses[key]

    def _analyse(self, place: Place, is_untold: Callable[[Chain], bool]) -> _Use:
        module, own = place[0], self._module(place[0])
        definition = own.definitions[place[1]]
        writer = Writer(definition, is_untold)
        texts = [f"{module}:{place[1]}", writer.text()]
        names = definition.global_names
        targets: set[Place] = set()
        for chain in sorted(writer.chains):
            found: set[Place] = set()
            for source, original in definition.imports.get(chain[0], ()):
                found |= self._imported_places(source, original, chain[1:], set())
            if chain[0] in names:
                places, is_known = self._look_up(module, chain, set())
                found |= places
                if not is_known and not hasattr(builtins, chain[0]):
                    for source in own.stars & self.sources.keys():
                        found |= self._whole(source, set())
            # the same text means another thing where its names stand for others
            if found:
                texts.append(f"{'.'.join(chain)} = {' '.join(map(':'.join, sorted(found)))}")
            targets |= found
        for source in definition.imported_by_text & self.sources.keys():
            targets |= self._whole(source, set())
        texts.append(f"star {' '.join(sorted(own.stars))}")
        return _Use("\n".join(texts), frozenset(of for of in targets if of[0] in self.sources))

    # --- messages ---

    def _exception(self, place: Place, chain: Chain | None) -> str | None:
        """Class of an exception, as "MODULE:NAME"; None if it is not known."""
        if chain is None or chain[0] in self._definition(place).imports:
            return None
        module, own = place[0], self._module(place[0])
        if len(chain) == 1 and not own.binds(chain[0]):
            found = getattr(builtins, chain[0], None)
            is_exception = isinstance(found, type) and issubclass(found, BaseException)
            return f"builtins:{found.__name__}" if is_exception else None
        places, is_known = self._look_up(module, chain, set())
        return ":".join(*places) if is_known and len(places) == 1 else None

    def _ancestors(self, name: str | None) -> set[str]:
        """A class of exceptions and those it is derived from; with ANY where they are unknown."""
        module, _, own_name = (name or "").partition(":")
        if module == "builtins":
            return {f"builtins:{base.__name__}" for base in getattr(builtins, own_name).__mro__}
        nodes = self._definition((module, own_name)).nodes if module in self.sources else []
        if len(nodes) != 1 or not isinstance(nodes[0], ast.ClassDef):
            return {ANY}
        (node,) = nodes
        found = {f"{name}"}
        # one that does something with its arguments may do anything with a text
        if node.keywords or not all(
            is_text(line) or isinstance(line, ast.Pass) for line in node.body
        ):
            found.add(ANY)
        for base in node.bases:
            found |= self._ancestors(self._exception((module, own_name), chain_of(base)))
        return found

    def _raised(self, place: Place, name: Chain | None) -> set[str]:
        """Ancestors of what is raised by this name: of a class, or of what a function returns."""
        known = self._exception(place, name) or ""
        module, _, own_name = known.partition(":")
        nodes = self._definition((module, own_name)).nodes if module in self.sources else []
        if len(nodes) != 1 or not isinstance(nodes[0], ast.FunctionDef):
            return self._ancestors(known)
        found: set[str] = set()
        for node in self._definition((module, own_name)).walked:
            if isinstance(node, ast.Return):
                made = chain_of(node.value.func) if isinstance(node.value, ast.Call) else None
                found |= self._ancestors(self._exception((module, own_name), made))
        return found

    def _is_untold(self, place: Place, name: Chain, told: frozenset[str]) -> bool:
        """Whether no code reads the text of an exception of this class."""
        ancestors = self._ancestors(self._exception(place, name))
        return not (told | ancestors) & {ANY} and not ancestors & told

    def _told(self, places: set[Place]) -> frozenset[str]:
        """Classes of exceptions whose text becomes a value in these definitions."""
        if any(self._definition(place).names & READS_MESSAGES for place in places):
            return frozenset((ANY,))
        caught = [
            (place, handler)
            for place in places
            for handler in handlers(self._definition(place))
            if not self._tries_other_package(place, handler)
        ]
        told: set[str] = set()
        for place, handler in caught:
            if handler.is_value:
                told |= self._caught(place, handler)
        while told:  # what is told of a told error is told, too
            before = len(told)
            for place, handler in caught:
                raised = {of for name in handler.raises for of in self._raised(place, name)}
                if raised and (ANY in told | raised or raised & told):
                    told |= self._caught(place, handler)
            if len(told) == before:
                break
        return frozenset(told)

    def _caught(self, place: Place, handler: Handler) -> set[str]:
        """Classes that an ``except`` names, but for those that no class of Python's own is."""
        found = set()
        for kind in handler.kinds:
            known = self._exception(place, kind)
            module = (known or "").partition(":")[0]
            if module == "builtins" or module in self.sources:
                found.add(f"{known}")
            elif (
                kind is None or known is None or kind[-1] == "error" or hasattr(builtins, kind[-1])
            ):
                found.add(ANY)  # `socket.error`, say, is another name of `OSError`
        return found

    def _tries_other_package(self, place: Place, handler: Handler) -> bool:
        """Whether only a function of another package is tried, on constants."""
        if handler.tried is None or not self._definition(place).is_free(handler.tried):
            return False
        places, is_known = self._look_up(place[0], handler.tried, set())
        return is_known and bool(places) and all(of[0] not in self.sources for of in places)


@dataclass(frozen=True)
class _Use:
    """What a definition says, without what no value depends on, and what it names."""

    text: str
    targets: frozenset[Place]
