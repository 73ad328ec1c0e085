"""What a document makes the generator write is read before anything imports it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from case_samples import EVERY_CASE
from documents_for_spec import ROOT
from generator_copy import copy_repository, generate, only_package, outputs
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.drift.load import load

sys.path.insert(0, str(ROOT / "scripts"))
from contract.dump import dump_yaml
from contract.gate import gate_problems, module_problems
from contract.index import index_of_classes, index_of_operations, write_indexes

HEAD = "from __future__ import annotations\nfrom typing import Any, TypeVar\nimport datetime\n"


def test_every_derived_module_passes() -> None:
    assert gate_problems(ROOT / "generated") == []
    assert gate_problems(ROOT / "kalshi_ext" / "contract") == []


# What the generator's older releases let a document write, and what else a document could try:
# one line a way in.
WAYS_IN = {
    "a statement after a closed docstring": '"""A model."""\nprint(1)\n"""."""',
    "an import of a module": "import os",
    "an import under another name": "import httpx as datetime",
    "an import of a function": "from os import system",
    "an import that a relative one hands on": "from ..client import httpx",
    "a module of the package": "from ..api.portfolio import get_fills",
    "a relative name under another one": "from ..models.order import Order as Any",
    "a builtin that runs text": "def f(d):\n    return eval(d)",
    "a builtin that opens files": "def f(d):\n    return open(d)",
    "a builtin that finds names": "def f(d):\n    return getattr(d, 'x')",
    "a call in an enum's member": "class Side:\n    YES = print(1)",
    "a call in a default": "def f(x=print(1)):\n    return x",
    "a call in an annotation": "def f(x: print(1)):\n    return x",
    "a call in a return annotation": "def f() -> print(1):\n    return 1",
    "a call in a base": "class Order(type('x')):\n    a: int",
    "a call in a decorator": "@print\nclass Order:\n    a: int",
    "a metaclass": "class Order(metaclass=dict):\n    a: int",
    "a foreign base": "class Order(Path):\n    a: int",
    "a lambda": "f = lambda: 1",
    "a comprehension at import": "x = {k: 1 for k in (1, 2)}",
    "a loop at import": "for x in (1, 2):\n    y = x",
    "a condition at import": "if 1 == 1:\n    x = 1",
    "a branch beside TYPE_CHECKING": "if Any:\n    from os import x",
    "a walrus": "def f(x=(y := 1)):\n    return x",
    "an f-string at import": "x = f'{Any}'",
    "a subscript of a call": "T = dict[print(1)]",
    "an assignment to an attribute": "Any.x = 1",
    "a dunder attribute": "def f(d):\n    return d.__class__",
    "a dunder of a type": "def f(d):\n    return ().__subclasses__()",
    "a format template that walks attributes": "def f(d):\n    return '{0.__class__}'.format(d)",
    "a format template that subscripts": "def f(d):\n    return '{d[x]}'.format(d=d)",
    "a format template of the caller": "def f(d):\n    return d.format(1)",
    "a name of a module that is not on the list": "def f():\n    return datetime.sys",
    "a module that is passed on": "def f():\n    d = datetime\n    return d.sys",
    "a connection outside of the client": "import httpx\ndef f():\n    return httpx.Client()",
    "a function of httpx": "import httpx\ndef f():\n    return httpx.get('http://localhost')",
    "a class made by type": "def f():\n    return type('x', (), {})",
    "a hook that runs when a class is made": (
        "class A:\n    def __init_subclass__(cls):\n        return 1"
    ),
    "a hook of the module": "def __getattr__(name):\n    return name",
    "a constructor that runs at import": (
        "class Unset:\n    def __init__(self):\n        return None\nUNSET = Unset()"
    ),
    "a function under the name of one that runs at import": "def TypeVar(x):\n    return x",
    "a decorator of its own": "def property(x):\n    return x",
    "a deletion": "del Any",
    "an assertion": "assert Any",
    "a with": "with Any:\n    x = 1",
    "a global": "def f():\n    global Any\n    return 1",
    "a coroutine at import": "async def f():\n    return [x async for x in Any]",
    "a match": "match Any:\n    case 1:\n        x = 1",
    "a constructor of an enum's members": (
        "from enum import IntEnum\nclass A(IntEnum):\n"
        "    X = 1\n    def __init__(self, v):\n        v.x()"
    ),
    "a property of an enum's member": (
        "from enum import StrEnum\nclass A(StrEnum):\n"
        "    X = 'a'\n    @property\n    def p(self):\n"
        "        return 1\nx = A.X.p"
    ),
    "a property of a class": (
        "class A:\n    @classmethod\n    @property\n    def p(cls):\n        return 1\nx = A.p"
    ),
    "a property of an instance": (
        "class Unset:\n    @property\n    def p(self):\n        return 1\nx = Unset().p"
    ),
    "a constructor by assignment": "def f(x):\n    return x\nclass A:\n    __init__ = f",
    "a subscript of a class": (
        "def f(x):\n    return x\nclass A:\n    __class_getitem__ = f\nx = A[1]"
    ),
    "a hook of the module by assignment": "def f(x):\n    return x\n__getattr__ = f",
    "annotations of its own": "__annotations__ = {}",
    "a decorator by assignment": "define = Any\n@define\nclass A:\n    x: int",
    "a decorator of a class's own": (
        "class A:\n    property = Any\n    @property\n    def p(self):\n        return 1"
    ),
    "a decorator by import": "from ..models.order import define\n@define\nclass A:\n    x: int",
    "a class that decorates": "class define:\n    def __init__(self, x):\n        return None",
    "a base by assignment": "class A:\n    x = 1\nException = A\nclass B(Exception):\n    x = 1",
    "a function under another name": "from attrs import evolve as field\nx = field(1)",
    "a guard by assignment": "TYPE_CHECKING = Any\nif TYPE_CHECKING:\n    from typing import Final",
    "a name that attrs writes into source": (
        "from attrs import field\nclass A:\n    x: int = field(alias='x=print(1)')"
    ),
    "a converter": (
        "from attrs import field\nclass A:\n    x: int = field(default=1, converter=Any)"
    ),
    "a frame of a coroutine": (
        "async def g():\n    return 1\ndef f():\n    return g().cr_frame.f_builtins"
    ),
    "a format template given later": "def f(d):\n    g = '{0.__class__}'.format\n    return g(d)",
    "a format template of a mapping": "def f(d):\n    return '{a.__class__}'.format_map(d)",
    "no Python at all": 'x = """',
    "a null": "x = 1\0",
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_a_way_in_is_refused(way: str) -> None:
    assert module_problems(HEAD + WAYS_IN[way])


@pytest.mark.parametrize("coding", ["raw_unicode_escape", "unicode_escape"])
def test_a_module_is_read_in_the_encoding_that_the_importer_would_take(coding: str) -> None:
    assert module_problems(f"# coding: {coding}\n# \\u000aimport os\n{HEAD}")


def test_a_field_of_a_model_may_have_any_name() -> None:
    names = ("define", "field", "quote", "evolve", "property_")
    fields = "".join(f"    {name}: str\n" for name in names)
    assert module_problems(f"{HEAD}class Quote:\n{fields}") == []


def test_a_problem_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "order.py").write_text("x = 1\nimport os\n")
    assert gate_problems(tmp_path) == ["models/order.py:2: import of os"]


HEADER = '# Generated by "make generate" from openapi/classic.yaml; do not edit.\n'
CLASSES = index_of_classes(HEADER, {"Order": "order", "Fill": "fill"})
OPERATIONS = index_of_operations(HEADER, ["get_order", "get_fills"])


def judged(tmp_path: Path, text: str, name: str = "__init__.py") -> list[str]:
    """Return what the gate says of a package that holds one file."""
    (tmp_path / name).write_text(text, encoding="utf-8", newline="\n")
    return gate_problems(tmp_path)


@pytest.mark.parametrize("text", [CLASSES, OPERATIONS])
def test_an_index_passes_where_packages_have_theirs_and_nowhere_else(
    tmp_path: Path, text: str
) -> None:
    assert judged(tmp_path, text) == []
    assert judged(tmp_path, text, "order.py")


@pytest.mark.parametrize("text", [CLASSES, OPERATIONS])
def test_an_index_passes_byte_for_byte_only(tmp_path: Path, text: str) -> None:
    """What an index may do, any other text may not: a changed line makes it any other text."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        changed = [*lines[:number], line, line, *lines[number + 1 :]]
        assert line.isspace() or judged(tmp_path, "".join(changed)), line
        shorter = [*lines[:number], *lines[number + 1 :]]
        assert line.isspace() or judged(tmp_path, "".join(shorter)), line
    for added in ("import os\n", "print(1)\n", "#\n", "\n", " "):
        assert judged(tmp_path, text + added)


@pytest.mark.parametrize(
    "modules",
    [
        {"Order": ".client"},
        {"Order": "order; import os"},
        {"Order": "os.path"},
        {"Order": 'order", "X": "os'},
        {"Order\nimport os": "order"},
        {"order": "order"},
        {"_import_module": "order"},
        {"Order": "_private"},
        {"Örder": "order"},
    ],
)
def test_an_index_holds_plain_names_only(tmp_path: Path, modules: dict[str, str]) -> None:
    assert judged(tmp_path, index_of_classes(HEADER, {"Fill": "fill", **modules}))


@pytest.mark.parametrize("name", ["os.path", "_import_module", "a, os", "a\n    import os", "Ä"])
def test_an_index_of_operations_holds_plain_names_only(tmp_path: Path, name: str) -> None:
    assert judged(tmp_path, index_of_operations(HEADER, ["get_order", name]))


@pytest.mark.parametrize(
    "written", ["print(1)\n", "if 1:\n    x = 1\n", "from .order import Order\nx = [\n"]
)
def test_what_is_no_index_is_left_for_the_gate_to_judge(tmp_path: Path, written: str) -> None:
    path = tmp_path / "kalshi_classic" / "models" / "__init__.py"
    path.parent.mkdir(parents=True)
    path.write_text(f"{HEADER}from .order import Order\n{written}", encoding="utf-8")
    before = path.read_bytes()
    write_indexes(tmp_path / "kalshi_classic")
    assert path.read_bytes() == before
    assert gate_problems(tmp_path)


PAYLOADS = [
    '"""\nopen("RAN", "w")\n"""',
    "'''\nopen(\"RAN\", \"w\")\n'''",
    '"; open("RAN", "w"); x = "',
    "')\nopen('RAN', 'w')\nx = ('",
    "\\\nopen('RAN', 'w')",
    "\\",
    "{open('RAN', 'w')}",
    "{0.__class__}",
    "# \r open('RAN', 'w')",
    "\u2028open('RAN', 'w')",
    "$(touch RAN)",
    "{{ cycler.__init__.__globals__ }}",
]


def text_places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List where a document holds text: keys of maps are places as well, told by a final None."""
    places: list[tuple[Any, ...]] = []
    if isinstance(node, dict):
        for key, value in node.items():
            places.append((*path, key, None))
            places += text_places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            places += text_places(value, (*path, index))
    elif isinstance(node, str):
        places.append(path)
    return places


def kinds_of_places(document: Any) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Give one place of each kind: its words without the names that the document chose."""
    chosen = {"paths", "schemas", "properties", "parameters", "responses"}
    kinds: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for place in text_places(document):
        words = ["*" if i and place[i - 1] in chosen else str(w) for i, w in enumerate(place)]
        kinds.setdefault(tuple(words[-4:]), place)
    return kinds


def poisoned(document: Any, place: tuple[Any, ...], text: str) -> Any:
    """Copy a document with a text in one place, or added to the name that stands there."""
    if not place:
        return text
    head, rest = place[0], place[1:]
    if rest == (None,):
        return {(f"{k}{text}" if k == head else k): v for k, v in document.items()}
    if isinstance(document, list):
        return [poisoned(v, rest, text) if i == head else v for i, v in enumerate(document)]
    return {k: poisoned(v, rest, text) if k == head else v for k, v in document.items()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_repository(tmp_path_factory.mktemp("hostile") / "copy")
    only_package(root, "kalshi_classic")
    return root


def run_poisoned(copy: Path, texts: dict[tuple[Any, ...], str]) -> bool:
    """Generate from a poisoned document and import what came out; say whether it was installed."""
    document = load(ROOT / "openapi" / "classic.yaml")
    for place, text in texts.items():
        document = poisoned(document, place, text)
    (copy / "openapi" / "classic.yaml").write_text(dump_yaml(document), encoding="utf-8")
    before = outputs(copy)
    done = generate(copy)
    if done.returncode:
        assert "ModuleNotFoundError" not in done.stderr  # the document is at fault, not the copy
        assert outputs(copy) == before  # a refused document changes nothing
        return False
    modules = "import kalshi_classic.models, kalshi_classic.client, pathlib, importlib\n"
    modules += "for p in pathlib.Path('generated/kalshi_classic/api').rglob('*.py'):\n"
    modules += "    parts = p.with_suffix('').parts[1:]\n"
    modules += "    importlib.import_module('.'.join(parts).removesuffix('.__init__'))\n"
    environ = {"PYTHONPATH": "generated", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-B", "-c", modules], cwd=copy, env=environ, check=True)
    return True


def places_of_kinds(*, prose: bool) -> list[tuple[Any, ...]]:
    kinds = kinds_of_places(load(ROOT / "openapi" / "classic.yaml"))
    return [p for p in kinds.values() if (p[-1] in ("description", "summary")) is prose]


def test_hostile_prose_becomes_prose_and_runs_nothing(copy: Path) -> None:
    places = places_of_kinds(prose=True)
    texts = {place: PAYLOADS[i % len(PAYLOADS)] for i, place in enumerate(places)}
    assert len(texts) > 5
    run_poisoned(copy, texts)
    assert not list(copy.rglob("RAN"))


# A hostile name ends most runs, so each needs a run of its own (seconds).
NAMES = places_of_kinds(prose=False)
TRIED = range(len(NAMES)) if EVERY_CASE else (len(NAMES) // 2,)


@pytest.mark.parametrize("number", TRIED)
def test_a_hostile_name_runs_nothing(copy: Path, number: int) -> None:
    run_poisoned(copy, {NAMES[number]: PAYLOADS[number % len(PAYLOADS)]})
    assert not list(copy.rglob("RAN"))


@given(st.text())
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert isinstance(module_problems(text), list)


def test_code_that_a_document_wrote_is_not_installed(tmp_path: Path) -> None:
    """The generator of today writes none: a copy of our script stands in for one that does."""
    root = copy_repository(tmp_path / "copy")
    only_package(root, "kalshi_classic")
    script = root / "scripts" / "generate.py"
    text = script.read_text(encoding="utf-8")
    hook = "    _refuse_foreign_code(fresh)\n"
    assert text.count(hook) == 1
    wrote = '    _write(fresh / "generated/kalshi_classic/models/order.py", "import os\\n")\n'
    script.write_text(text.replace(hook, wrote + hook), encoding="utf-8")
    before = outputs(root)
    done = generate(root)
    assert done.returncode == 1
    assert "generated/kalshi_classic/models/order.py:1: import of os" in done.stderr
    assert outputs(root) == before


def test_the_generator_is_not_one_that_runs_a_documents_code() -> None:
    """CVE-2026-105801 is closed since 0.29.1."""
    pins = (ROOT / "requirements-generator.txt").read_text(encoding="utf-8").splitlines()
    (pin,) = [line for line in pins if line.startswith("openapi-python-client==")]
    version = pin.partition("==")[2].split()[0]
    assert tuple(map(int, version.split("."))) >= (0, 29, 1)
