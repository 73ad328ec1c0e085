"""Rules about schemas, judged in both directions: what is sent, and what is received.

What a server accepts may grow and must not shrink; what it answers may shrink and must not
grow. A row states both halves.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from kalshi_ext.drift.rules.kinds import (
    ADOPT,
    BREAKING,
    COMPATIBLE,
    DEPRECATION,
    LOOK,
    NOTE,
    NOTHING,
    RISKY,
    Rule,
    Severity,
)


@frozen
class Half:
    """The judgement in one direction."""

    severity: Severity
    reason: str
    advice: str


def _refused(reason: str, advice: str = ADOPT) -> Half:
    return Half(BREAKING, reason, advice)


def _lost(reason: str, advice: str = ADOPT) -> Half:
    return Half(BREAKING, reason, advice)


def _watch(reason: str, advice: str = LOOK) -> Half:
    return Half(RISKY, reason, advice)


def _fine(reason: str) -> Half:
    return Half(COMPATIBLE, reason, NOTHING)


_STILL = "What is sent today is still accepted."
_SUBSET = "What comes is among what came before."
_WORKS = Half(DEPRECATION, "It works and is announced to go.", "move to its replacement")
_STAYS = Half(NOTE, "It stays.", NOTHING)
_SAME = Half(NOTE, "The numbers on the wire are the same.", NOTHING)
_BY_TEXT = _watch("The differ compares this word by its text and does not judge it.")
_DEFAULT = _watch("A call that leaves it out may now mean something else.",
                  "always give the value instead of leaving it out")  # fmt: skip
_UNSENT = Half(NOTE, "A default in an answer is never sent.", NOTHING)
_TAG = "Forms of the value are told apart by it."

Row = tuple[str, str, str, Half, Half]
ROWS: Final[tuple[Row, ...]] = (
    ("type-widened", "type-narrowed", "{subject} is now {after}, was {before}",
     _fine(_STILL), _lost("A value of a type that the model cannot read may come.")),
    ("type-narrowed", "type-widened", "{subject} is now only {after}, was {before}",
     _refused("Values of the dropped type are refused with 400."), _fine(_SUBSET)),
    ("type-changed", "type-changed", "{subject} is now {after}, was {before}",
     _refused("Every value sent today is refused with 400."),
     _lost("The model cannot read the value: rows are set aside or the answer is lost.")),
    ("nullable-added", "nullable-removed", "{subject} may now be null",
     _fine(_STILL), _lost("Code that counts on a value meets None.",
                          "handle None wherever the value is used, then adopt")),
    ("nullable-removed", "nullable-added", "{subject} may no longer be null",
     _refused("Null is refused with 400.", "leave it out, or send a value"), _fine(_SUBSET)),
    ("format-added", "format-removed", "{subject} must have the format {after}",
     _refused("Text without the format is refused with 400."), _fine(_SUBSET)),
    ("format-removed", "format-added", "{subject} no longer has the format {before}",
     _fine(_STILL), _lost("Text that cannot be read as before may come.")),
    ("format-changed", "format-changed", "{subject} has the format {after}, was {before}",
     _refused("Values in the old format are refused or misread."),
     _lost("Values in the new format cannot be read as before.")),
    ("format-narrowed", "format-widened", "{subject} fits in {after}, was {before}",
     _refused("Numbers beyond the new size are refused."), _fine(_SUBSET)),
    ("format-widened", "format-narrowed", "{subject} fits in {after}, was {before}",
     _fine(_STILL), _watch("Numbers may outgrow a column or variable of the old size.")),
    ("format-size-stated", "format-size-unstated", "{subject} is now said to be {after}",
     _SAME, _SAME),
    ("format-size-unstated", "format-size-stated", "{subject} is no longer said to be {before}",
     _SAME, _SAME),
    ("enum-member-added", "enum-member-removed", "{subject} has new members: {name}",
     _fine(_STILL), _watch("Enums are open, so it is read; a match over the known members "
                           "falls through.", "handle the new member where you branch on it")),
    ("enum-member-removed", "enum-member-added", "{subject} lost members: {name}",
     _refused("Calls that send them are refused with 400."), _fine(_SUBSET)),
    ("enum-opened", "enum-closed", "{subject} may now be any value, was one of {before}",
     _fine(_STILL), _watch("Values that no branch knows may come.")),
    ("enum-closed", "enum-opened", "{subject} must now be one of {after}",
     _refused("Other values are refused with 400."), _fine(_SUBSET)),
    ("bound-tightened", "bound-loosened", "{subject} is now {after}, was {before}",
     _refused("Values beyond the new bound are refused with 400.",
              "keep to the new bound; adopt so that the client checks it before sending"),
     _fine(_SUBSET)),
    ("bound-loosened", "bound-tightened", "{subject} is now {after}, was {before}",
     _fine(_STILL), _watch("Values beyond the old bound may come.",
                           "check columns, widths and checks made for the old bound")),
    ("bound-changed", "bound-changed", "{subject} is now {after}, was {before}",
     _refused("Values that fitted the old rule may be refused with 400."),
     _watch("Values that did not fit the old rule may come.")),
    ("default-added", "default-removed", "{subject} now stands for {after} when left out",
     _DEFAULT, _UNSENT),
    ("default-removed", "default-added", "{subject} no longer stands for {before} when left out",
     _DEFAULT, _UNSENT),
    ("default-changed", "default-changed", "{subject} left out means {after}, was {before}",
     _DEFAULT, _UNSENT),
    ("deprecated", "undeprecated", "{subject} is now deprecated", _WORKS, _WORKS),
    ("undeprecated", "deprecated", "{subject} is no longer deprecated", _STAYS, _STAYS),
    ("keyword-changed", "keyword-changed", "the word {name} of {subject} changed",
     _BY_TEXT, _BY_TEXT),
    ("field-added-required", "field-removed-required", "the field {field} is new and required",
     _refused("Calls that do not send it are refused with 400."),
     _fine("Unknown fields are kept in `.raw`.")),
    ("field-added-optional", "field-removed-optional", "the field {field} is new",
     _fine("Calls without it mean what they meant."), _fine("Unknown fields are kept in `.raw`.")),
    ("field-removed-required", "field-added-required", "the field {field} is gone",
     _refused("What is sent in it is refused, or ignored without a word.",
              "stop sending it, then adopt"),
     _lost("The model counts on it: rows without it are set aside.")),
    ("field-removed-optional", "field-added-optional", "the optional field {field} is gone",
     _refused("What is sent in it is refused, or ignored without a word.",
              "stop sending it, then adopt"),
     _lost("The attribute is None from now on, without an error.",
           "find where the value can be had now, then adopt")),
    ("field-became-required", "field-became-optional", "the field {field} is now required",
     _refused("Calls that leave it out are refused with 400.", "always give it"),
     _fine("Code that copes without it still works.")),
    ("field-became-optional", "field-became-required", "the field {field} is now optional",
     _fine(_STILL), _lost("Code that counts on it meets None, or the row is set aside.",
                          "handle its absence, then adopt")),
    ("extras-open-closed", "extras-closed-open", "{subject} no longer has unnamed fields",
     _watch("Fields outside the contract are refused with 400; the facade sends none.",
            "remove hand-added fields from requests"), _fine(_SUBSET)),
    ("extras-closed-open", "extras-open-closed", "{subject} may now have unnamed fields",
     _fine(_STILL), _watch("Fields that nobody documents may come; they are kept in `.raw`.")),
    ("extras-open-typed", "extras-typed-open", "unnamed fields of {subject} now have a schema",
     _refused("Unnamed fields of another type are refused with 400."), _fine(_SUBSET)),
    ("extras-typed-open", "extras-open-typed", "unnamed fields of {subject} may be anything",
     _fine(_STILL), _lost("Values of a type that the model cannot read may come.")),
    ("extras-closed-typed", "extras-typed-closed", "{subject} may now have unnamed fields",
     _fine(_STILL), _watch("Fields that nobody documents may come; they are kept in `.raw`.")),
    ("extras-typed-closed", "extras-closed-typed", "{subject} no longer has unnamed fields",
     _refused("Unnamed fields are refused with 400."), _lost("The values in them are gone.")),
    ("form-added", "form-removed", "{subject} may now also be {name}",
     _fine(_STILL), _lost("A form that the model cannot read may come.")),
    ("form-removed", "form-added", "{subject} may no longer be {name}",
     _refused("Values of that form are refused with 400."), _fine(_SUBSET)),
    ("form-alike-added", "form-alike-removed", "{subject} may now also be any {name}",
     _fine(_STILL), _watch("It is read, but values that no branch knows may come.")),
    ("form-alike-removed", "form-alike-added", "{subject} may no longer be any {name}",
     _refused("Values outside the forms that are left are refused with 400."), _fine(_SUBSET)),
    ("form-kind-changed", "form-kind-changed", "{subject} is now {after}, was {before}",
     _watch("A value that fits several forms may be refused."),
     _watch("A value may fit one form or several.")),
    ("form-tag-changed", "form-tag-changed", "{name} is tagged {after}, was {before}",
     _refused(_TAG), _lost(_TAG)),
    ("discriminator-changed", "discriminator-changed",
     "the forms of {subject} are told apart by {after}, was {before}",
     _refused(_TAG), _lost(_TAG)),
)  # fmt: skip


def _directed(row: Row, direction: str, half: Half) -> Rule:
    name, opposite, title, _, _ = row
    reason, advice = half.reason, half.advice
    return Rule(
        f"{direction}-{name}", half.severity, f"{direction}-{opposite}", title, reason, advice
    )


VALUE_RULES: Final = tuple(
    _directed(row, direction, half)
    for row in ROWS
    for direction, half in (("request", row[3]), ("response", row[4]))
)
