"""The gate between generating and importing: what a derived module may hold.

A document is text of somebody else, and the generator turns it into Python. Releases of it before
0.29.1 let a hostile document write code of its own into a module (CVE-2026-105801), and whoever
imports the module runs it. So a derived module is read as a tree before it is installed, and every
construct must be on a list; there is no list of bad things to keep complete.

    where                  what may stand there
    anywhere               the kinds of nodes in `NODES`; names bound in the module or in `BUILTINS`
    imports                the names in `IMPORTS`; relative ones of classes, UNSET and errors
    executed at import     constants, names, subscripts, `|`, and calls of `IMPORT_TIME_CALLS`:
                           module and class bodies, decorators, defaults, annotations, bases
    attributes             no dunder but those in `DUNDERS`; of a module those in `MODULE_NAMES`,
                           and a module's name stands for nothing else: it cannot be passed on
    definitions            none under a name that is called or stands for a builtin here, and no
                           dunder but those in `DEFINED_DUNDERS`: none that runs at import
    executed by its name   what `contract/gate_hooks` says: decorators, bases, enums, instances
    calls                  none of `type`; str.format only of templates with plain names, because
                           `{0.__class__}` reads what it likes
    `__init__.py`          the above, or an index byte for byte as `contract/index` writes it
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from contract.gate_hooks import hook_problems
from contract.index import is_index


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Every kind that the generator and our own deriving scripts write; nothing else is needed.
NODES = _words("""
    Add And AnnAssign Assign AsyncFunctionDef Attribute Await BinOp BitOr BoolOp Call ClassDef
    Compare Constant Del Delete Dict DictComp Eq ExceptHandler Expr For FormattedValue
    FunctionDef If IfExp Import ImportFrom In Is IsNot JoinedStr List Load LtE Module Name Not
    NotEq NotIn Or Pass Raise Return Starred Store Subscript Try Tuple UnaryOp alias arg
    arguments comprehension keyword
""")
IMPORTS = {
    "__future__": {"annotations"},
    "attrs": {"define", "evolve", "field"},
    "collections.abc": {"Mapping", "MutableMapping"},
    "decimal": {"Decimal"},
    "enum": {"IntEnum", "StrEnum"},
    "http": {"HTTPStatus"},
    "typing": _words("""
        TYPE_CHECKING Any BinaryIO Final Generic IO Literal NamedTuple NotRequired Self TextIO
        TypeVar cast
    """),
    "urllib.parse": {"quote"},
    "uuid": {"UUID"},
    "kalshi_ext.values.enums": {"OpenEnum"},
    "kalshi_ext.values.shapes": {"TypedDict"},
}
MODULE_NAMES = {
    "datetime": {"date", "datetime"},
    "errors": {"UnexpectedStatus"},
    "httpx": {"AsyncClient", "Client", "Response", "Timeout"},
    "ssl": {"SSLContext"},
}
CONNECTING = {"AsyncClient", "Client"}  # in client.py alone: a model has nothing to connect to
# Whole modules are imported under their own names only, so that MODULE_NAMES finds them.
WHOLE_MODULES = frozenset(MODULE_NAMES) - {"errors"}
BUILTINS = _words("""
    AttributeError Exception KeyError TypeError ValueError bool bytes classmethod dict float
    int isinstance list object property str super tuple type
""")
IMPORT_TIME_CALLS = frozenset(
    {"TypeVar", "Unset", "_attrs_field", "field", "OperationRow", "RetryRow"}
)
DECORATORS = frozenset({"_attrs_define", "classmethod", "define", "property"})
EXECUTED = IMPORT_TIME_CALLS.union(DECORATORS, BUILTINS, {"TYPE_CHECKING"}, *IMPORTS.values())
DUNDERS = frozenset({"__aenter__", "__aexit__", "__enter__", "__exit__", "__init__"})
DEFINED_DUNDERS = _words("""
    __aenter__ __aexit__ __bool__ __contains__ __delitem__ __enter__ __exit__ __getitem__
    __init__ __setitem__ __str__
""")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_IMPORT_TIME = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr, ast.Tuple),
    *(ast.List, ast.Dict, ast.Call, ast.keyword, ast.Load, ast.Store),
)


def gate_problems(root: Path) -> list[str]:
    """Return a line for each construct in a Python file below `root` that may not be there."""
    return [
        f"{path.relative_to(root).as_posix()}:{line}: {problem}"
        for path in sorted(root.rglob("*.py"))
        for line, problem in _file_problems(path)
    ]


def _file_problems(path: Path) -> list[tuple[int, str]]:
    source = path.read_bytes()
    if path.name == "__init__.py" and is_index(source.decode("utf-8", "replace")):
        return []
    return module_problems(source, connects=path.name == "client.py")


def module_problems(source: str | bytes, *, connects: bool = False) -> list[tuple[int, str]]:
    """Return (line, problem) for each construct in a module that may not be there.

    `connects` says that the module is the one that may open connections.
    """
    try:
        # Bytes, as the importer has them: a comment `coding: …` decides what it reads there.
        tree = ast.parse(source.encode() if isinstance(source, str) else source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [(getattr(error, "lineno", None) or 1, f"this is no Python: {error}")]
    nodes = list(ast.walk(tree))
    found = [*_node_problems(nodes), *_name_problems(nodes), *_body_problems(tree.body)]
    found += hook_problems(tree, nodes, EXECUTED)
    found += [] if connects else _connection_problems(nodes)
    return sorted(set(found))


def _node_problems(nodes: list[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        line = getattr(node, "lineno", 1)
        if type(node).__name__ not in NODES:
            yield line, f"{type(node).__name__} is not on the list"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name not in WHOLE_MODULES or alias.asname:
                    yield line, f"import of {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if not _is_known_import(node, alias):
                    yield line, f"import of {alias.name} from {'.' * node.level}{node.module or ''}"
        elif isinstance(node, ast.Attribute):
            yield from ((line, text) for text in _attribute_problems(node))
        elif isinstance(node, ast.Call):
            yield from ((line, text) for text in _call_problems(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not _is_harmless_name(node.name):
                yield line, f"a function named {node.name}"
        elif isinstance(node, ast.ClassDef):
            yield from ((line, text) for text in _class_problems(node))


def _is_harmless_name(name: str) -> bool:
    if name.startswith("__"):
        return name in DEFINED_DUNDERS
    return name not in IMPORT_TIME_CALLS | DECORATORS | BUILTINS | MODULE_NAMES.keys()


def _class_problems(node: ast.ClassDef) -> Iterator[str]:
    known_bases = BUILTINS.union(*IMPORTS.values())
    if any(each.arg != "total" for each in node.keywords):
        yield f"class {node.name} names a metaclass or the like"
    called = node.name in IMPORT_TIME_CALLS  # its `__init__` would run at import
    if called and any(getattr(each, "name", "") == "__init__" for each in node.body):
        yield f"class {node.name} has an __init__"
    for base in node.bases:
        name = base.value if isinstance(base, ast.Subscript) else base  # Generic[T]
        if not isinstance(name, ast.Name) or name.id not in known_bases:
            yield f"class {node.name} has the base {ast.unparse(base)}"


def _is_known_import(node: ast.ImportFrom, alias: ast.alias) -> bool:
    if not node.level:
        return alias.name in IMPORTS.get(node.module or "", ())
    # Only classes of the package: a module of it would hand on what it imports itself.
    known = alias.name[0].isupper() or (node.module is None and alias.name == "errors")
    return known and alias.asname is None


def _attribute_problems(node: ast.Attribute) -> Iterator[str]:
    if node.attr.startswith("__") and node.attr not in DUNDERS:
        yield f"the attribute {node.attr}"
    if isinstance(node.value, ast.Name):
        allowed = MODULE_NAMES.get(node.value.id)
        if allowed is not None and node.attr not in allowed:
            yield f"{node.value.id}.{node.attr} is not on the list"


def _call_problems(node: ast.Call) -> Iterator[str]:
    function = node.func
    if isinstance(function, ast.Name) and function.id == "type":
        yield "a call of type: it makes classes"  # it is needed in annotations only
    if not isinstance(function, ast.Attribute) or function.attr != "format":
        return
    template = function.value
    if not isinstance(template, ast.Constant) or not isinstance(template.value, str):
        yield "a format template that is not written out"
    elif not all(name.isidentifier() for name in _PLACEHOLDER.findall(template.value)):
        yield "a format placeholder that is more than a name"


def _connection_problems(nodes: list[ast.AST]) -> list[tuple[int, str]]:
    uses = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr in CONNECTING]
    return [(use.lineno, f"{use.attr} outside of client.py") for use in uses]


def _name_problems(nodes: list[ast.AST]) -> Iterator[tuple[int, str]]:
    """Walk the names that are read but bound nowhere in the module, unless they are known."""
    bound = set(_bound_names(nodes))
    known = bound | BUILTINS
    owners = {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    for module in MODULE_NAMES:
        # A local of that name would let MODULE_NAMES speak of something else.
        if module in bound and not _is_imported(nodes, module):
            yield 1, f"{module} is bound to something else than the module"
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in known:
            yield node.lineno, f"the name {node.id} is not on the list"
        elif isinstance(node, ast.Name) and node.id in MODULE_NAMES and id(node) not in owners:
            yield node.lineno, f"the module {node.id} is passed on"


def _bound_names(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _is_imported(nodes: list[ast.AST], name: str) -> bool:
    imports = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    return any(name in (a.asname or a.name for a in each.names) for each in imports)


def _body_problems(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Walk what importing the module would execute and is not known to be harmless."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function_problems(statement)
        elif isinstance(statement, ast.ClassDef):
            yield from _decorator_problems(statement)
            parts = [*statement.bases, *(each.value for each in statement.keywords)]
            yield from _expression_problems(*parts)
            yield from _body_problems(statement.body)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            yield from _assignment_problems(statement)
        elif isinstance(statement, ast.If):
            yield from _guard_problems(statement)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        elif not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
            yield statement.lineno, f"{type(statement).__name__} would run at import"


def _function_problems(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[int, str]]:
    yield from _decorator_problems(node)
    arguments = node.args
    annotations = [each.annotation for each in ast.walk(arguments) if isinstance(each, ast.arg)]
    defaults = [*arguments.defaults, *arguments.kw_defaults]
    yield from _expression_problems(node.returns, *annotations, *defaults)


def _decorator_problems(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
) -> Iterator[tuple[int, str]]:
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Name) or decorator.id not in DECORATORS:
            yield decorator.lineno, f"the decorator {ast.unparse(decorator)}"


def _assignment_problems(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[int, str]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not all(isinstance(target, ast.Name) for target in targets):
        yield node.lineno, "an assignment to more than a name would run at import"
    annotation = node.annotation if isinstance(node, ast.AnnAssign) else None
    yield from _expression_problems(annotation, node.value)


def _guard_problems(node: ast.If) -> Iterator[tuple[int, str]]:
    guard = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    imports = all(isinstance(each, ast.Import | ast.ImportFrom) for each in node.body)
    if not guard or not imports or node.orelse:
        yield node.lineno, "an if that is not `if TYPE_CHECKING:` with imports would run at import"


def _expression_problems(*expressions: ast.expr | None) -> Iterator[tuple[int, str]]:
    for expression in expressions:
        if expression is None:
            continue
        for node in ast.walk(expression):
            if not isinstance(node, _IMPORT_TIME):
                line: int = getattr(node, "lineno", expression.lineno)
                yield line, f"{type(node).__name__} would run at import"
            elif isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
                if name not in IMPORT_TIME_CALLS:
                    yield node.lineno, f"the call of {name} would run at import"
