"""Write a tree as YAML that readers of 1.1 and of 1.2 understand alike.

Our documents are read by this library (1.2), by PyYAML (1.1) and by whatever tools people have.
Text that one of them would take for a number, a date or a boolean is quoted.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

# Control characters and the line breaks that only some readers know: written as escapes.
_ESCAPED: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
# Something else than this text to a reader of YAML 1.1 (or of 1.2): numbers with colons and
# underscores, dates, and the words for true and false.
_AMBIGUOUS: Final = re.compile(
    r"[-+.]?[0-9][0-9_,:.eExob+\-/ TtZ]*|0x[0-9a-fA-F_]+|[-+]?\.(inf|nan)|=|<<|~"
    r"|yes|no|on|off|y|n|true|false|null",
    re.IGNORECASE,
)


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
        # An alias in a document would make one tree of two places.
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    Representer.add_representer(str, _represent_text)
    return Representer


def _represent_text(representer: Any, data: str) -> Any:
    style = '"' if _ESCAPED.search(data) else "'" if is_ambiguous(data) else None
    return representer.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def is_ambiguous(text: str) -> bool:
    """Tell whether some YAML reader takes the plain text for something else."""
    return _AMBIGUOUS.fullmatch(text) is not None
