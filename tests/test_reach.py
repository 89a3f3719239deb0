"""What a definition reaches, and that its version changes with values and with nothing else."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof import memo
from visprof.reach import Package
from visprof.steps import STEPS


def package(**modules):
    """A package ``p`` of these modules; ``init`` is its own."""
    named = {"p": modules.pop("init", ""), **{f"p.{name}": of for name, of in modules.items()}}
    texts = {name.replace("__", "."): textwrap.dedent(of) for name, of in named.items()}
    return {name.removesuffix(".init"): of for name, of in texts.items()}


def reached(sources, module, name):
    return {f"{at}:{of}" for at, of in Package(sources).reached(module, name)}


def is_changed(sources, module, old, new, of=("p.a", "f")):
    """Whether a change of one module's text changes a version."""
    assert old in sources[module]
    after = sources | {module: sources[module].replace(old, new)}
    return Package(sources).version(*of) != Package(after).version(*of)


# --- what is reached ------------------------------------------------------------------------------


def test_a_function_reaches_what_it_names_and_what_that_names_in_its_turn():
    sources = package(
        a="""\
            from p.b import g
            SIZE = 3
            def f(x): return g(x) + SIZE
            def unused(): return OTHER
            OTHER = 4
            """,
        b="""\
            from p.c import TABLE
            def g(x): return TABLE[x]
            def other(): return f
            """,
        c="""\
            def h(): return 1
            TABLE = {"one": h}
            """,
    )
    assert reached(sources, "p.a", "f") == {"p.a:f", "p.a:SIZE", "p.b:g", "p.c:TABLE", "p.c:h"}


def test_arguments_and_locals_are_not_what_the_module_has_of_their_name():
    sources = package(
        a="""\
            def f(g, *h, k=1, **m):
                n = 2
                for o in (g, h, k, m): n += o
                return [q for q in (lambda r: r)(n)]
            def g(): return 1
            h = k = m = n = o = q = r = 2
            """
    )
    assert reached(sources, "p.a", "f") == {"p.a:f"}


def test_a_name_that_is_local_in_one_place_is_the_modules_in_another():
    sources = package(
        a="""\
            def f(x=g): return (lambda h: h)(x), h, [k for k in k]
            def g(): return 1
            h, k = 2, [3]
            """
    )
    assert reached(sources, "p.a", "f") == {"p.a:f", "p.a:g", "p.a:h", "p.a:k"}


def test_a_class_counts_whole_with_its_bases_decorators_and_annotations():
    sources = package(
        a="""\
            from p.b import Base, register
            import dataclasses
            SIZE = 2
            def helper(): return SIZE
            class Kind: pass
            @register
            class f(Base):
                kind: Kind = None
                def method(self): return helper()
            """,
        b="""\
            class Base: pass
            def register(of): return of
            """,
    )
    assert reached(sources, "p.a", "f") == {
        "p.a:f", "p.a:Kind", "p.a:helper", "p.a:SIZE", "p.b:Base", "p.b:register",
    }  # fmt: skip


def test_a_module_is_followed_by_the_attributes_that_are_taken_of_it():
    b = """\
        def g(): return 1
        def other(): return 2
        """
    for a in (
        "from p import b\ndef f(): return b.g()",
        "import p.b\ndef f(): return p.b.g()",
        "import p.b as c\ndef f(): return c.g()",
        "from . import b\ndef f(): return b.g()",
        "from .b import g\ndef f(): return g()",
        "def f():\n    from p import b\n    return b.g()",
    ):
        assert reached(package(a=a, b=b), "p.a", "f") == {"p.a:f", "p.b:g"}, a


def test_a_module_that_is_handed_on_counts_whole():
    b = """\
        from p.c import h
        def g(): return 1
        SIZE = 2
        """
    whole = {"p.a:f", "p.b:g", "p.b:SIZE", "p.c:h"}
    for use in ("getattr(b, 'g')", "vars(b)", "b.missing", "[b]"):
        sources = package(a=f"from p import b\ndef f(): return {use}", b=b, c="def h(): return 1")
        assert reached(sources, "p.a", "f") == whole, use
    sources = package(a="from p.b import *\ndef f(): return g()", b=b, c="def h(): return 1")
    assert reached(sources, "p.a", "f") == {"p.a:f", "p.b:g"}


def test_a_name_is_followed_through_the_packages_that_hand_it_on():
    sources = package(
        a="""\
            from p import g
            from p.inner import h
            import p
            def f(): return g(), h(), p.inner.k()
            """,
        init="from p.inner.deep import g\nfrom p.inner import other",
        inner__init="from .deep import h, k, other",
        inner__deep="""\
            def g(): return 1
            def h(): return 2
            def k(): return 3
            def other(): return 4
            """,
    )
    assert reached(sources, "p.a", "f") == {
        "p.a:f", "p.inner.deep:g", "p.inner.deep:h", "p.inner.deep:k",
    }  # fmt: skip
    assert Package(sources).version("p", "g") == Package(sources).version("p.inner.deep", "g")


def test_a_name_of_a_lazy_front_door_is_followed_to_where_it_is_defined():
    init = """\
        import importlib
        LAZY = {"g": "p.b", "h": ".b", "k": "b"}
        def __getattr__(name):
            return getattr(importlib.import_module(LAZY[name]), name)
        """
    b = """\
        def g(): return 1
        def h(): return 2
        def k(): return 3
        def other(): return 4
        """
    sources = package(init=init, b=b, a="from p import g, h, k\ndef f(): return g, h, k")
    assert reached(sources, "p.a", "f") == {"p.a:f", "p.b:g", "p.b:h", "p.b:k"}
    version = Package(sources).version
    assert version("p", "g") == version("p.b", "g") != version("p.b", "h")
    # a name that is in no table may be anything that `__getattr__` can find
    sources |= {"p.a": "from p import unknown\ndef f(): return unknown"}
    assert is_changed(sources, "p.b", "return 4", "return 5")


def test_what_modules_do_when_they_are_imported_counts():
    sources = package(
        a="from p.b import g\ndef f(): return g()\ndef h(): import p.e\ndef k(): h()",
        b="import p.c\ndef g(): return 1",
        c="""\
            import os
            os.environ["A"] = "1"
            try:
                from numpy import sum as total
            except ImportError:
                total = sum
            def other(): return 2
            """,
        d="print(1)",
        e="print(1)",
        init="import warnings\nwarnings.simplefilter('ignore')",
    )
    assert reached(sources, "p.a", "f") == {"p.a:f", "p.b:g", "p.c:", "p:"}
    assert reached(sources, "p.a", "k") == {"p.a:k", "p.a:h", "p.c:", "p.e:", "p:"}
    assert is_changed(sources, "p.c", '"1"', '"2"')
    assert is_changed(sources, "p", "ignore", "error")
    assert not is_changed(sources, "p.c", "return 2", "return 3")
    assert not is_changed(sources, "p.d", "1", "2")
    named = sources | {"p.a": "from p.c import total\ndef f(): return total([])"}
    assert reached(named, "p.a", "f") == {"p.a:f", "p.c:", "p:"}


def test_blocks_that_only_import_are_as_the_imports_in_them():
    a = """\
        from typing import TYPE_CHECKING
        from elsewhere import needs
        {block}:
            from p.b import g
            import numpy as np
        def f(): return g(np.pi)
        """
    for block, is_body in [
        ("if TYPE_CHECKING", False), ("with needs('extra')", False), ("with needs(print())", True),
        ("if print()", True), ("while TYPE_CHECKING", True),
    ]:  # fmt: skip
        sources = package(a=a.format(block=block), b="def g(x): return x")
        expected = {"p.a:f", "p.b:g"} | ({"p.a:"} if is_body else set())
        assert reached(sources, "p.a", "f") == expected, block
        assert is_changed(sources, "p.a", "numpy as", "scipy as")


def test_a_name_that_is_not_found_stands_for_the_whole_module():
    sources = package(a="def f(): return 1\ndef g(): return 2")
    assert reached(sources, "p.a", "gone") == {"p.a:f", "p.a:g"}
    with pytest.raises(KeyError, match=r"p\.gone"):
        Package(sources).version("p.gone", "f")


def test_modules_that_import_from_each_other_come_to_an_end():
    sources = package(
        a="from p.b import g\nfrom p.b import lost\ndef f(): return g(), lost",
        b="from p.a import f\nfrom p.a import lost\ndef g(): return f()",
    )
    assert reached(sources, "p.a", "f") == {"p.a:f", "p.b:g"}


# --- what changes a version -----------------------------------------------------------------------


def test_the_same_text_with_names_that_stand_for_others_is_another_version():
    sources = package(
        a="from p.b import g\nfrom p.c import g as h\nfrom numpy import mean\n"
        "def f(): return g(), h(), mean",
        b="def g(): return 1",
        c="def g(): return 2",
    )
    assert is_changed(sources, "p.a", "b import g\nfrom p.c", "c import g\nfrom p.b")
    assert is_changed(sources, "p.a", "numpy import mean", "numpy import median as mean")
    handed_on = sources | {
        "p.a": "from p import mean\ndef f(): return mean",
        "p": "from numpy import mean",
    }
    assert is_changed(handed_on, "p", "import mean", "import median as mean")


def test_layout_comments_and_docstrings_change_no_version():
    sources = package(
        a='''\
            """Module."""
            class f:
                """Class."""
                size = 1  # comment
                """Of the attribute."""
                def method(self):
                    """Method."""
                    return (1 +
                            2)
            '''
    )
    for old, new in [
        ("Module.", "Other."), ("Class.", "Other."), ("Method.", "Other"), ("# comment", ""),
        ("Of the attribute.", "Other."), ("(1 +\n                2)", "1 + 2"),
    ]:  # fmt: skip
        assert not is_changed(sources, "p.a", old, new), old
    assert is_changed(sources, "p.a", "size = 1", "size = 2")
    assert is_changed(sources, "p.a", "2)", "3)")


MESSAGES = '''\
    import logging
    import warnings
    log = logging.getLogger("p")
    class Wrong(ValueError):
        """Of ours."""
    def name(x): return x
    def f(x):
        log.info("begins with %s", x)
        logging.warning("slow")
        warnings.warn("odd", stacklevel=2)
        assert x, "none"
        if x < 1:
            raise ValueError(f"x is {x!r} of {len(x)}, not " "positive") from None
        if x > 9:
            raise Wrong("x is %d" % x)
        return x
    '''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("begins with %s", "starts"), ('    log.info("begins with %s", x)\n', ""), ("slow", "fast"),
        ('"odd"', 'f"odd {x}"'), ('"none"', '"some"'), (', "none"', ""), ("{x!r}", "{x + 1:.2f}"),
        ('"positive"', 'f"{x} below"'), ("x is %d", "%d is x"), ("Of ours.", "Other."),
    ],
)  # fmt: skip
def test_messages_change_no_version(old, new):
    assert not is_changed(package(a=MESSAGES), "p.a", old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ValueError(f", "KeyError(f"), ("x < 1", "x < 2"), ("from None", "from x"),
        ("Wrong(ValueError)", "Wrong(KeyError)"), ("stacklevel=2", "stacklevel=3"),
        ("assert x", "assert not x"), ("begins with %s\", x", "begins with %s\", x.pop()"),
        ("{x!r}", "{name(x)}"), ('log.info("begins', 'name("begins'), ("{x!r}", "{(x := 1)}"),
    ],
)  # fmt: skip
def test_what_stands_beside_a_message_changes_the_version(old, new):
    assert is_changed(package(a=MESSAGES), "p.a", old, new)


def test_what_only_looks_like_a_message_changes_the_version():
    for line in (
        "print('text')",  # of no log
        "log = [].append; log('text')",
        "raise OSError(5, name, 'text')[0]",
        "return ValueError('text')",
        "raise name('text')",
        "raise External('text')",
        "raise Told('text')",
        "raise ValueError(dict(text='text'))",
    ):
        sources = package(
            a=f"""\
                from elsewhere import External
                def name(x): return x
                class Told(ValueError):
                    def __init__(self, text): SEEN.append(text)
                SEEN = []
                def f(x):
                    {line}
                """
        )
        assert is_changed(sources, "p.a", "'text'", "'texts'"), line


CAUGHT = """\
    from p.b import g, Special
    def f():
        try:
            return g()
        except {caught} as error:
            {use}
    """
RAISING = """\
    class Special(ValueError): pass
    class Other(Special): pass
    def g(): raise {raised}("text")
    """


def is_told(caught, use, raised, more=""):
    sources = package(a=CAUGHT.format(caught=caught, use=use) + textwrap.indent(more, " " * 4),
                      b=RAISING.format(raised=raised))  # fmt: skip
    return is_changed(sources, "p.b", '"text"', '"texts"')


@pytest.mark.parametrize(
    ("caught", "raised", "expected"),
    [
        ("ValueError", "ValueError", True), ("ValueError", "Other", True),
        ("Exception", "KeyError", True), ("(KeyError, OSError)", "FileNotFoundError", True),
        ("Special", "ValueError", False), ("Special", "Other", True),
        ("KeyError", "ValueError", False), ("OSError", "IOError", True),
    ],
)  # fmt: skip
def test_a_message_that_becomes_a_value_counts(caught, raised, expected):
    assert is_told(caught, "return str(error)", raised) is expected


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("raise", False), ("raise error", False), ("raise KeyError(f'{error}') from error", False),
        ("return isinstance(error, Special)", False), ("return type(error).__name__", False),
        ("return error.errno", False), ("return error.args", True), ("return h(error)", True),
        ("raise KeyError(h(error))", True), ("raise KeyError(type(error).__name__)", False),
        ("x = h(str(error)); raise KeyError(x)", True), ("return f'{error}'", True),
        ("return 1", False),
        ("x = str(error) == '1'; raise KeyError(x)", False), ("error.x = 1; raise", True),
    ],
)  # fmt: skip
def test_what_is_done_with_an_error_decides_whether_its_message_counts(use, expected):
    assert is_told("ValueError", use, "ValueError") is expected


def test_a_message_that_is_passed_on_in_another_counts_if_that_one_does():
    outer = """
        def h():
            try: return f()
            except KeyError as error: return str(error)
        """
    sources = package(a=CAUGHT.format(caught="ValueError", use="raise KeyError(f'{error}')")
                      + textwrap.indent(textwrap.dedent(outer), " " * 4),
                      b=RAISING.format(raised="ValueError"))  # fmt: skip
    assert not is_changed(sources, "p.b", '"text"', '"texts"', of=("p.a", "f"))
    assert is_changed(sources, "p.b", '"text"', '"texts"', of=("p.a", "h"))
    assert not is_changed(sources, "p.b", '"text"', '"texts"', of=("p.b", "g"))


@pytest.mark.parametrize(
    "way", ["sys.exc_info()", "traceback.format_exc()", "future.exception()", "catch_warnings()"]
)
def test_where_messages_are_read_in_other_ways_all_count(way):
    sources = package(
        a=f"import sys, traceback\ndef f(future): return {way}, g()\n"
        "def g(): raise ValueError('text')"
    )
    assert is_changed(sources, "p.a", "'text'", "'texts'")


@pytest.mark.parametrize(
    "way", ["eval('g')", "globals()['g']", "f.__doc__", "sys.modules[x]", "import_module(x)"]
)
def test_where_code_is_got_at_without_its_name_all_counts(way):
    sources = package(a=f"import sys\ndef f(x): return {way}", b="# comment\ndef g(): return 1")
    assert is_changed(sources, "p.b", "comment", "other")


def test_to_forget_a_module_is_not_to_get_at_its_code():
    sources = package(
        a="import sys\ndef f():\n for x in [m for m in sys.modules if m > '']: del sys.modules[x]",
        b="# comment",
    )
    assert not is_changed(sources, "p.b", "comment", "other")


def test_a_module_that_is_imported_by_a_text_counts_whole():
    sources = package(
        a="import importlib\ndef f(): return importlib.import_module('p.b'), import_module('x')",
        b="# comment\ndef g(): return 1",
    )
    assert is_changed(sources, "p.b", "return 1", "return 2")
    assert not is_changed(sources, "p.b", "comment", "other")
    sources["p.a"] = "import sys\ndef f(): return sys.modules['p.b'], sys.modules['os']"
    assert is_changed(sources, "p.b", "return 1", "return 2")
    assert not is_changed(sources, "p.b", "comment", "other")


def test_versions_are_the_same_on_every_machine_and_in_every_python():
    sources = package(
        a='''\
            from __future__ import annotations
            from dataclasses import dataclass
            @dataclass(frozen=True)
            class f:
                """Docstring."""
                name: str = "Ünïcödé \\U0001fae0"
                rate: float = 1e-05
                def text(self, *, n: int | None = None) -> str:
                    match n:
                        case 1 | 2: return f"{self.name!r:>{n}} and {self.rate:.2f}" b"".decode()
                        case {"a": [x, *_]}: return x[1:2, ..., None]
                    try: return not -1j if (y := n) else y ** 2 @ 3
                    except* OSError: pass
                    return [*(a async for a in self)] if True else lambda a, /, *b: (yield)
            '''.replace(' b"".decode()', "")
    )
    assert Package(sources).version("p.a", "f") == "465cf3bad62bdd8d9c7a"


# --- the package itself ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    return Package(memo.SOURCES)


def versions(of):
    return {
        name: of.version(function.__module__, function.__name__) for name, function in STEPS.items()
    }


class Reworded(ast.NodeTransformer):
    """All docstrings, lines of logs, and texts of errors in other words."""

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = "Other words."
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) in self.logs:
            self.reword(call.args[0])
        return node

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in self.errors:
            for argument in node.exc.args:
                self.reword(argument)
        return node

    def reword(self, message):
        if isinstance(message, ast.JoinedStr):
            message.values.insert(0, ast.Constant("In other words: "))
        elif isinstance(message, ast.Constant):
            message.value = "In other words: " + message.value
        elif isinstance(message, ast.BinOp):
            self.reword(message.left)

    errors = ("ValueError", "TypeError", "RuntimeError", "KeyError")
    logs = ("log.debug", "log.info", "log.warning", "log.error")


@pytest.mark.slow
def test_rewording_all_of_the_package_changes_the_version_of_no_step(real):
    reworded = {
        name: ast.unparse(Reworded().visit(ast.parse(text))) for name, text in memo.SOURCES.items()
    }
    assert (
        sum(text != ast.unparse(ast.parse(memo.SOURCES[name])) for name, text in reworded.items())
        > 20
    )
    assert versions(Package(reworded)) == versions(real)


def mutable(module, node):
    """Constants and operators of a definition that are no message, with what to put instead."""
    found = []

    def look(part):
        if isinstance(part, ast.Raise | ast.Assert):
            return
        if isinstance(part, ast.Expr) and (
            isinstance(part.value, ast.Constant)
            or ast.unparse(part.value).startswith(("log.", "warnings."))
        ):
            return
        if isinstance(part, ast.Constant) and type(part.value) in (int, float, str):
            found.append((part, "value", part.value * 2 + type(part.value)(1)))
        elif isinstance(part, ast.BinOp):
            found.append((part, "op", ast.Mod() if isinstance(part.op, ast.Add) else ast.Add()))
        elif isinstance(part, ast.Compare):
            is_less = isinstance(part.ops[0], ast.Lt)
            found.append((part, "ops", [ast.GtE() if is_less else ast.Lt(), *part.ops[1:]]))
        elif isinstance(part, ast.BoolOp):
            found.append((part, "op", ast.Or() if isinstance(part.op, ast.And) else ast.And()))
        for child in ast.iter_child_nodes(part):
            look(child)

    look(node)
    return found


@given(data=st.data())
def test_any_other_constant_or_operator_in_reached_code_changes_the_version(real, data):
    step = STEPS[data.draw(st.sampled_from(sorted(STEPS)))]
    at = (step.__module__, step.__name__)
    places = real.reached(*at)
    is_reached = data.draw(st.booleans())
    module = data.draw(st.sampled_from(sorted({of for of, _ in places})))
    tree = ast.parse(memo.SOURCES[module])
    changes = [
        change
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and ((module, node.name) in places) is is_reached
        for change in mutable(module, node)
    ]
    if not changes:
        return
    node, field, value = data.draw(st.sampled_from(changes))
    setattr(node, field, value)
    mutated = Package(memo.SOURCES | {module: ast.unparse(tree)})
    assert (mutated.version(*at) != real.version(*at)) is is_reached, (at, module, ast.dump(node))


def test_steps_reach_the_registry_only_to_be_registered(real):
    for step in STEPS.values():
        reached = real.reached(step.__module__, step.__name__)
        used = {name for module, name in reached if module == "visprof.steps.registry"}
        assert used <= {"Step", "STEPS", "VARIANTS", "_MADE_ANEW", "step", "variant"}
        assert not any(name == "SOURCES" for _, name in reached - {("visprof.memo", "SOURCES")})


def test_a_name_that_is_nowhere_stands_for_the_module_whatever_that_imports():
    sources = {"m": "import os\nfrom pathlib import Path\nx = 1\n", "n": "from m import *\n"}
    before = {module: Package(sources).version(module, "gone") for module in sources}
    sources["m"] = sources["m"].replace("1", "2")
    assert all(Package(sources).version(module, "gone") != of for module, of in before.items())
