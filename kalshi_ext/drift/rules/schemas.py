"""Rules about schemas, judged in both directions: what is sent, and what is received.

What a server accepts may grow and must not shrink; what it answers may shrink and must not
grow. A row gives both judgements, and makes two rules: request-… and response-….
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from kalshi_ext.drift.rules.rule import (
    ADOPT,
    BREAKING,
    COMPATIBLE,
    DEPRECATION,
    NOTE,
    NOTHING,
    READ_CHANGELOG,
    RISKY,
    Advice,
    DriftRule,
    Severity,
    then_adopt,
)


@frozen
class Judgement:
    """The judgement in one direction."""

    severity: Severity
    reason: str
    advice: str | Advice


def _refused(reason: str, advice: str | Advice = ADOPT) -> Judgement:
    return Judgement(BREAKING, reason, advice)


def _unreadable(reason: str, advice: str | Advice = ADOPT) -> Judgement:
    return Judgement(BREAKING, reason, advice)


def _risky(reason: str, advice: str | Advice = READ_CHANGELOG) -> Judgement:
    return Judgement(RISKY, reason, advice)


def _compatible(reason: str) -> Judgement:
    return Judgement(COMPATIBLE, reason, NOTHING)


_STILL_ACCEPTED = "What is sent today is still accepted."
_ALREADY_POSSIBLE = "What comes is among what came before."
_DEPRECATED = Judgement(DEPRECATION, "It works and is announced to go.", "move to its replacement")
_UNDEPRECATED = Judgement(NOTE, "It stays.", NOTHING)
_SAME_ON_WIRE = Judgement(NOTE, "The numbers on the wire are the same.", NOTHING)
_NOT_JUDGED = _risky("The differ compares this word by its text and does not judge it.")
_OMISSION_CHANGES = _risky("A call that leaves it out may now mean something else.",
                            "always give the value instead of leaving it out")  # fmt: skip
_NEVER_SENT = Judgement(NOTE, "A default in an answer is never sent.", NOTHING)
# Where it is met by a call of the facade, messages.py says instead what the model does without it.
_NOT_READ = "What reads it finds nothing there."
_FIND_IT = "find where the value can be had now"
_TELLS_APART = "Forms of the value are told apart by it."

Row = tuple[str, str, str, Judgement, Judgement]
ROWS: Final[tuple[Row, ...]] = (
    ("type-widened", "type-narrowed", "{subject} is now {after}, was {before}",
     _compatible(_STILL_ACCEPTED),
     _unreadable("A value of a type that the model cannot read may come.")),
    ("type-narrowed", "type-widened", "{subject} is now only {after}, was {before}",
     _refused("Values of the dropped type are refused with 400."),
     _compatible(_ALREADY_POSSIBLE)),
    ("type-changed", "type-changed", "{subject} is now {after}, was {before}",
     _refused("Every value sent today is refused with 400."),
     _unreadable(f"The value cannot be read as before. {_NOT_READ}")),
    # Null: a reader who never met it has no branch for it.
    ("nullable-added", "nullable-removed", "{subject} may now be null",
     _compatible(_STILL_ACCEPTED),
     _unreadable(_NOT_READ,
                 then_adopt("handle None wherever the value is used"))),
    ("nullable-removed", "nullable-added", "{subject} may no longer be null",
     _refused("Null is refused with 400.", "leave it out, or send a value"),
     _compatible(_ALREADY_POSSIBLE)),
    # Formats: readers parse by them, senders must obey them.
    ("format-added", "format-removed", "{subject} must have the format {after}",
     _refused("Text without the format is refused with 400."),
     _compatible(_ALREADY_POSSIBLE)),
    ("format-removed", "format-added", "{subject} no longer has the format {before}",
     _compatible(_STILL_ACCEPTED),
     _unreadable("Text that cannot be read as before may come.")),
    ("format-changed", "format-changed", "{subject} has the format {after}, was {before}",
     _refused("Values in the old format are refused or misread."),
     _unreadable("Values in the new format cannot be read as before.")),
    ("format-narrowed", "format-widened", "{subject} fits in {after}, was {before}",
     _refused("Numbers beyond the new size are refused."),
     _compatible(_ALREADY_POSSIBLE)),
    ("format-widened", "format-narrowed", "{subject} fits in {after}, was {before}",
     _compatible(_STILL_ACCEPTED),
     _risky("Numbers may outgrow a column or variable of the old size.")),
    # Naming the usual size of 64 bits states what held before.
    ("format-size-stated", "format-size-unstated", "{subject} is now said to be {after}",
     _SAME_ON_WIRE, _SAME_ON_WIRE),
    ("format-size-unstated", "format-size-stated", "{subject} is no longer said to be {before}",
     _SAME_ON_WIRE, _SAME_ON_WIRE),
    # Enums: those of this library are open, so a new member is read and falls through a match.
    ("enum-member-added", "enum-member-removed", "{subject} has new members: {name}",
     _compatible(_STILL_ACCEPTED),
     _risky("Enums are open, so it is read; a match over the known members falls through.",
            "handle the new member where you branch on it")),
    ("enum-member-removed", "enum-member-added", "{subject} lost members: {name}",
     _refused("Calls that send them are refused with 400."),
     _compatible(_ALREADY_POSSIBLE)),
    ("enum-opened", "enum-closed", "{subject} may now be any value, was one of {before}",
     _compatible(_STILL_ACCEPTED),
     _risky("Values that no branch knows may come.")),
    ("enum-closed", "enum-opened", "{subject} must now be one of {after}",
     _refused("Other values are refused with 400."),
     _compatible(_ALREADY_POSSIBLE)),
    # Bounds: a sender may be beyond a tighter one, a reader beyond a looser one.
    ("bound-tightened", "bound-loosened", "{subject} is now {after}, was {before}",
     _refused("Values beyond the new bound are refused with 400.",
              Advice("keep to the new bound; a version made from the new document checks it",
                     "keep to the new bound; adopt so that the client checks it before sending")),
     _compatible(_ALREADY_POSSIBLE)),
    ("bound-loosened", "bound-tightened", "{subject} is now {after}, was {before}",
     _compatible(_STILL_ACCEPTED),
     _risky("Values beyond the old bound may come.",
            "check columns, widths and checks made for the old bound")),
    ("bound-changed", "bound-changed", "{subject} is now {after}, was {before}",
     _refused("Values that fitted the old rule may be refused with 400."),
     _risky("Values that did not fit the old rule may come.")),
    # Defaults: they give a meaning to what is left out, which only requests do.
    ("default-added", "default-removed", "{subject} now stands for {after} when left out",
     _OMISSION_CHANGES, _NEVER_SENT),
    ("default-removed", "default-added", "{subject} no longer stands for {before} when left out",
     _OMISSION_CHANGES, _NEVER_SENT),
    ("default-changed", "default-changed", "{subject} left out means {after}, was {before}",
     _OMISSION_CHANGES, _NEVER_SENT),
    ("deprecated", "undeprecated", "{subject} is now deprecated",
     _DEPRECATED, _DEPRECATED),
    ("undeprecated", "deprecated", "{subject} is no longer deprecated",
     _UNDEPRECATED, _UNDEPRECATED),
    ("keyword-changed", "keyword-changed", "the word {name} of {subject} changed",
     _NOT_JUDGED, _NOT_JUDGED),
    # Fields of an object.
    ("field-added-required", "field-removed-required", "the field {field} is new and required",
     _refused("Calls that do not send it are refused with 400."),
     _compatible("Unknown fields are kept in `.raw`.")),
    ("field-added-optional", "field-removed-optional", "the field {field} is new",
     _compatible("Calls without it mean what they meant."),
     _compatible("Unknown fields are kept in `.raw`.")),
    ("field-removed-required", "field-added-required", "the field {field} is gone",
     _refused("What is sent in it is refused, or ignored without a word.",
              then_adopt("stop sending it")),
     _unreadable(_NOT_READ, then_adopt(_FIND_IT))),
    ("field-removed-optional", "field-added-optional", "the optional field {field} is gone",
     _refused("What is sent in it is refused, or ignored without a word.",
              then_adopt("stop sending it")),
     _unreadable(_NOT_READ, then_adopt(_FIND_IT))),
    ("field-became-required", "field-became-optional", "the field {field} is now required",
     _refused("Calls that leave it out are refused with 400.", "always give it"),
     _compatible("Code that copes without it still works.")),
    ("field-became-optional", "field-became-required", "the field {field} is now optional",
     _compatible(_STILL_ACCEPTED),
     _unreadable(_NOT_READ, then_adopt("handle its absence"))),
    # Properties without a name (`additionalProperties`): open, of one schema, or closed.
    ("extras-open-closed", "extras-closed-open", "{subject} no longer has unnamed fields",
     _risky("Fields outside the contract are refused with 400; the facade sends none.",
            "remove hand-added fields from requests"),
     _compatible(_ALREADY_POSSIBLE)),
    ("extras-closed-open", "extras-open-closed", "{subject} may now have unnamed fields",
     _compatible(_STILL_ACCEPTED),
     _risky("Fields that nobody documents may come; they are kept in `.raw`.")),
    ("extras-open-typed", "extras-typed-open", "unnamed fields of {subject} now have a schema",
     _refused("Unnamed fields of another type are refused with 400."),
     _compatible(_ALREADY_POSSIBLE)),
    ("extras-typed-open", "extras-open-typed", "unnamed fields of {subject} may be anything",
     _compatible(_STILL_ACCEPTED),
     _unreadable("Values of a type that the model cannot read may come.")),
    ("extras-closed-typed", "extras-typed-closed", "{subject} may now have unnamed fields",
     _compatible(_STILL_ACCEPTED),
     _risky("Fields that nobody documents may come; they are kept in `.raw`.")),
    ("extras-typed-closed", "extras-closed-typed", "{subject} no longer has unnamed fields",
     _refused("Unnamed fields are refused with 400."),
     _unreadable("The values in them are gone.")),
    # Variants of a union. One that is alike adds values, but no type that cannot be read.
    ("form-added", "form-removed", "{subject} may now also be {name}",
     _compatible(_STILL_ACCEPTED),
     _unreadable("A form that the model cannot read may come.")),
    ("form-removed", "form-added", "{subject} may no longer be {name}",
     _refused("Values of that form are refused with 400."),
     _compatible(_ALREADY_POSSIBLE)),
    ("form-alike-added", "form-alike-removed", "{subject} may now also be any {name}",
     _compatible(_STILL_ACCEPTED),
     _risky("It is read, but values that no branch knows may come.")),
    ("form-alike-removed", "form-alike-added", "{subject} may no longer be any {name}",
     _refused("Values outside the forms that are left are refused with 400."),
     _compatible(_ALREADY_POSSIBLE)),
    ("form-kind-changed", "form-kind-changed", "{subject} is now {after}, was {before}",
     _risky("A value that fits several forms may be refused."),
     _risky("A value may fit one form or several.")),
    ("form-tag-changed", "form-tag-changed", "{name} is tagged {after}, was {before}",
     _refused(_TELLS_APART),
     _unreadable(_TELLS_APART)),
    ("discriminator-changed", "discriminator-changed",
     "the forms of {subject} are told apart by {after}, was {before}",
     _refused(_TELLS_APART),
     _unreadable(_TELLS_APART)),
)  # fmt: skip


def _directed(row: Row, direction: str, judgement: Judgement) -> DriftRule:
    name, opposite, title, _, _ = row
    reason, advice = judgement.reason, judgement.advice
    return DriftRule(
        f"{direction}-{name}", judgement.severity, f"{direction}-{opposite}", title, reason, advice
    )


SCHEMA_RULES: Final = tuple(
    _directed(row, direction, judgement)
    for row in ROWS
    for direction, judgement in (("request", row[3]), ("response", row[4]))
)
