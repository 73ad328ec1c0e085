"""The names users import, pinned: one more is a promise, one less breaks somebody's program."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import kalshi_ext
import kalshi_ext.models
from kalshi_ext import errors

ROOM = Path(kalshi_ext.__file__).parent
CLIENTS = {"AsyncKalshi", "Kalshi", "KalshiAuth"}
SETTINGS = {"Backoff", "Environment", "KeySource", "Pacer", "Passphrase", "Policy", "Secret"}
SETTINGS |= {"Signer", "Timeout", "TokenBucket"}
SETTINGS |= {"Limits", "Override", "Reference", "TradingState"}
MODELS = set(kalshi_ext.models.__all__)
ARGUMENTS = {"Action", "Count", "Deadline", "Dollars", "Moment", "OrderRef", "Side"}
ARGUMENTS |= {"BudgetSource", "PaceSource", "ParameterValue", "Parameters", "Progress"}
PRICES = {"Band", "PriceGrid"}
WORDS = {
    "BookSide",
    "ExchangeInstance",
    "IntraExchangeInstanceTransferStatus",
    "MarketResult",
    "MarketStatus",
    "MarketType",
    "OrderAction",
    "OrderStatus",
    "OrderType",
    "OutcomeSide",
    "PaymentStatus",
    "PaymentType",
    "RestingMarginReservation",
    "SelfTradePreventionType",
    "SettlementBoundsType",
    "StrikeType",
    "TimeInForce",
}
WRITING = {"Flow", "GeneratedResponse", "Journal", "JournalSource", "OrderTicket", "Resolution"}
WRITING |= {"AmendTicket", "State", "open_journal"}
WRITING |= {"DeadMan", "Latch", "RestingOrder", "StopReport", "StoppedGroup"}
PAGES = {"AsyncCompleteRows", "AsyncRows", "CompleteRows", "CursorRepeated"}
PAGES |= {"InvalidRow", "Page", "Rows"}
ERRORS = {
    "BadRequest",
    "Conflict",
    "DeadManGone",
    "Denied",
    "DryRun",
    "DuplicateIdConflict",
    "DuplicateOrder",
    "EarlierWriteUnsettled",
    "FillOrKillUnfilled",
    "Forbidden",
    "InsufficientBalance",
    "JournalUnwritable",
    "KalshiError",
    "MarketClosed",
    "MarketNotActive",
    "MarketNotOpen",
    "Misuse",
    "NoAnswer",
    "NotFound",
    "NotSent",
    "OrderClosed",
    "OrderGroupTriggered",
    "OutcomeUnknown",
    "PostOnlyWouldCross",
    "RateLimited",
    "Refused",
    "Retired",
    "TimestampExpired",
    "TradingPaused",
    "TradingStopped",
    "TransferAlreadyApplied",
    "Unauthorized",
    "Unavailable",
    "UnavailableWrite",
    "Unintelligible",
    "UnintelligibleWrite",
}
EVENTS = {
    "AttemptAnswered",
    "AttemptLost",
    "AttemptSent",
    "BudgetFailed",
    "BudgetLearned",
    "BudgetRecovered",
    "CallEnded",
    "CallEvent",
}
EVENTS |= {"ClockCorrected", "DeviationFound", "Event", "JournalFailed", "JournalRecovered"}
EVENTS |= {"Listener", "RetryPlanned", "StopCalled", "UnknownOpened", "UnknownResolved"}
EVENTS |= {"WaitBegan", "WriteDenied"}
NAMES = CLIENTS | SETTINGS | MODELS | ARGUMENTS | PRICES | WORDS | WRITING | PAGES | ERRORS
NAMES |= EVENTS | {"__version__"}


def test_the_public_names_are_these() -> None:
    assert set(kalshi_ext.__all__) == NAMES
    assert len(kalshi_ext.__all__) == len(NAMES)
    assert dir(kalshi_ext) == sorted(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(kalshi_ext, name) is getattr(kalshi_ext, name)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Kalsi'"):
        kalshi_ext.Kalsi  # noqa: B018


def test_every_error_is_public() -> None:
    assert set(errors.__all__) == ERRORS
    defined = {name for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert {name for name in defined if not name.startswith("_")} - {"Mapping", "Any"} == ERRORS


def test_type_checkers_and_the_interpreter_are_told_of_the_same_names() -> None:
    tree = ast.parse((ROOM / "__init__.py").read_text())
    declared = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kalshi_ext.")
        for alias in node.names
    }
    # The errors and the models list their own names; type checkers follow both lists.
    assert declared - {"*"} == NAMES - ERRORS - MODELS - {"__version__"}
    (listed,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert set(ast.literal_eval(listed)) == declared - {"*"} | {"__version__"}


def test_a_name_loaded_late_is_the_one_type_checkers_are_told_of() -> None:
    tree = ast.parse((ROOM / "__init__.py").read_text())
    homes = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kalshi_ext.")
        for alias in node.names
        if alias.name != "*"
    }
    for name, home in homes.items():
        assert home is not None
        assert getattr(importlib.import_module(home), name) is getattr(kalshi_ext, name)


def test_importing_the_package_loads_neither_client_nor_contracts() -> None:
    """Errors and commands start fast; what is asked for is loaded then."""
    probe = (
        "import sys, kalshi_ext; kalshi_ext.KalshiError; "
        "heavy = {'httpx', 'cryptography', 'kalshi_portfolio', 'kalshi_classic', 'dateutil'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_client_loads_only_the_contract_it_speaks() -> None:
    probe = (
        "import sys, kalshi_ext; kalshi_ext.Kalshi(contract='classic').close();"
        "print('kalshi_portfolio' in sys.modules, 'kalshi_classic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False True"


# What a public annotation may name besides: the standard library, httpx, and the type variables.
FOREIGN = {
    "Any",
    "AsyncIterator",
    "Callable",
    "Future",
    "Generic",
    "Iterable",
    "Iterator",
    "Literal",
}
FOREIGN |= {"Mapping", "Path", "Self", "Sequence", "T", "TypedDict", "TracebackType", "Collection"}
FOREIGN |= {"Decimal", "None", "bool", "bytes", "date", "datetime", "dict", "float", "int", "list"}
FOREIGN |= {
    "object",
    "set",
    "str",
    "tuple",
    "type",
    "BaseException",
    "Random",
    "random",
    "UUID",
    "uuid",
}
FOREIGN |= {"ssl", "httpx", "Awaitable", "ClassVar", "NoReturn"}
RESOURCES = ("orders", "order_groups", "portfolio", "subaccounts", "history", "account", "exchange")


def annotated(tree: ast.AST, public: set[str]) -> set[str]:
    """Collect the names in the annotations of the public methods and fields of public classes."""
    found: set[str] = set()
    for kind in ast.walk(tree):
        if not isinstance(kind, ast.ClassDef) or kind.name not in public:
            continue
        for node in kind.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                built_by_users = kind.name in CLIENTS and node.name == "__init__"
                if node.name.startswith("_") and not built_by_users:
                    continue
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                parts = [argument.annotation for argument in arguments] + [node.returns]
            elif isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
                parts = [node.annotation]
            else:
                continue
            found |= {
                ast.unparse(name).removeprefix("parts.")
                for part in parts
                if part is not None
                for name in ast.walk(part)
                if isinstance(name, ast.Name | ast.Attribute)
            }
    return found


@pytest.mark.parametrize("facade", ["_async", "_sync"])
def test_what_a_method_of_the_client_takes_and_returns_can_be_imported(facade: str) -> None:
    found: set[str] = set()
    for path in (ROOM / facade).glob("*.py"):
        tree = ast.parse(path.read_text())
        classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        found |= annotated(tree, {name for name in classes if not name.endswith("Resource")})
    own = {name for name in found if not name.startswith(("httpx.", "ssl."))}
    assert own - NAMES - FOREIGN == set()


def test_a_star_import_gives_them_all() -> None:
    space: dict[str, object] = {}
    exec("from kalshi_ext import *", space)
    assert set(space) >= NAMES


def test_the_models_room_shows_each_of_its_models() -> None:
    models = importlib.import_module("kalshi_ext.models")
    defined = {
        name
        for path in (ROOM / "models").glob("*.py")
        for name, kind in vars(importlib.import_module(f"kalshi_ext.models.{path.stem}")).items()
        if inspect.isclass(kind) and kind.__module__.startswith("kalshi_ext.models")
        if path.stem != "__init__"
        if kind.__name__ not in ("FromPage", "KeptPage", "YesPriced")  # bases of theirs
    }
    assert set(models.__all__) == defined
