"""Write a tree as YAML that readers of 1.1 and of 1.2 understand alike."""

from __future__ import annotations

import io
import re
from typing import Any, Final

from kalshi_ext.spec.scalars import is_ambiguous

# Control characters and the line breaks that only some readers know: written as escapes.
_ODD: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


def dump_yaml(value: Any) -> str:
    """Write block style, one line a scalar, in the order of the tree."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Representer = _representer()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 100_000  # its folding leaves blanks at the ends of lines
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def _representer() -> Any:
    from ruamel.yaml import representer

    base: Any = representer.SafeRepresenter

    class Representer(base):  # type: ignore[misc]  # ruamel.yaml is not typed
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    Representer.add_representer(str, _text)
    return Representer


def _text(representer: Any, data: str) -> Any:
    style = '"' if _ODD.search(data) else "'" if is_ambiguous(data) else None
    return representer.represent_scalar("tag:yaml.org,2002:str", data, style=style)
