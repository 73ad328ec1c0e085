"""Single rules: unions told apart by tags, and what every finding carries."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from driftsuite.contracts import contract
from driftsuite.mutants import MutantGenerator
from driftsuite.sites import operations
from driftsuite.small_contract import small

from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.documents import document
from kalshi_ext.drift.finding import Finding
from kalshi_ext.drift.messages import affected, meaning, title
from kalshi_ext.drift.opening import open_document
from kalshi_ext.drift.rules import RULES, Severity

CAT = {"type": "object", "properties": {"kind": {"type": "string"}, "lives": {"type": "integer"}}}
DOG = {"type": "object", "properties": {"kind": {"type": "string"}, "tricks": {"type": "string"}}}


def tagged() -> dict[str, Any]:
    """Answer with a cat or a dog, told apart by `kind`."""
    new = small()
    refs = {name: f"#/components/schemas/{name}" for name in ("Cat", "Dog")}
    new["components"]["schemas"] |= {"Cat": CAT, "Dog": DOG, "Fill": {
        "oneOf": [{"$ref": to} for to in refs.values()],
        "discriminator": {"propertyName": "kind", "mapping": {
            "cat": refs["Cat"], "dog": refs["Dog"]}}}}  # fmt: skip
    return copy.deepcopy(new)


def rules(base: Any, new: Any) -> list[str]:
    return [each.rule.id for each in compare(base, new).findings]


def test_a_tag_that_is_written_otherwise_breaks_the_reader() -> None:
    new = tagged()
    mapping = new["components"]["schemas"]["Fill"]["discriminator"]["mapping"]
    mapping["hound"] = mapping.pop("dog")
    found = compare(tagged(), new).findings
    assert [each.rule.id for each in found] == ["response-form-tag-changed"]
    assert (found[0].difference.before, found[0].difference.after) == ("dog", "hound")
    assert found[0].severity is Severity.BREAKING


def test_another_field_that_tells_forms_apart_breaks_the_reader() -> None:
    new = tagged()
    new["components"]["schemas"]["Fill"]["discriminator"]["propertyName"] = "sort"
    assert rules(tagged(), new) == ["response-discriminator-changed"]


def test_renaming_a_component_that_a_mapping_names_changes_nothing() -> None:
    new = tagged()
    schemas = new["components"]["schemas"]
    schemas["Hound"] = schemas.pop("Dog")
    to = "#/components/schemas/Hound"
    schemas["Fill"]["oneOf"][1]["$ref"] = to
    schemas["Fill"]["discriminator"]["mapping"]["dog"] = to
    assert rules(tagged(), new) == []


def test_renaming_a_component_without_a_mapping_changes_the_tag_on_the_wire() -> None:
    base = tagged()
    del base["components"]["schemas"]["Fill"]["discriminator"]["mapping"]
    new = copy.deepcopy(base)
    schemas = new["components"]["schemas"]
    schemas["Hound"] = schemas.pop("Dog")
    schemas["Fill"]["oneOf"][1]["$ref"] = "#/components/schemas/Hound"
    assert rules(base, new) == ["response-form-tag-changed"]


def open_enum(*, is_open: bool) -> dict[str, Any]:
    """Say an enum as open (any text may come) or closed."""
    new = small()
    closed = {"type": "string", "enum": ["yes", "no"]}
    either = {"anyOf": [closed, {"type": "string"}]}
    new["components"]["schemas"]["Fill"]["properties"]["side"] = either if is_open else closed
    return new


def test_an_enum_that_opens_in_an_answer_is_a_risk_and_closing_is_not() -> None:
    opened = compare(open_enum(is_open=False), open_enum(is_open=True)).findings
    assert [(each.rule.id, each.severity) for each in opened] == [
        ("response-form-alike-added", Severity.RISKY)]  # fmt: skip
    closed = compare(open_enum(is_open=True), open_enum(is_open=False)).findings
    assert [(each.rule.id, each.severity) for each in closed] == [
        ("response-form-alike-removed", Severity.COMPATIBLE)]  # fmt: skip


def test_a_number_that_becomes_a_string_is_one_finding_and_not_many() -> None:
    new = small()
    new["components"]["schemas"]["Fill"]["properties"]["count"] = {
        "type": "string", "pattern": "^[0-9.]+$", "minLength": 1}  # fmt: skip
    assert rules(small(), new) == ["response-type-changed"]


def test_of_several_patterns_the_one_that_changed_is_pointed_at() -> None:
    def priced(inner: str) -> dict[str, Any]:
        new = small()
        new["components"]["schemas"]["Price"] = {"type": "string", "pattern": inner}
        new["components"]["schemas"]["Fill"]["properties"]["price"] = {
            "allOf": [{"$ref": "#/components/schemas/Price"}], "pattern": "^0"}  # fmt: skip
        return new

    (found,) = compare(priced("^[0-9.]+$"), priced("^[0-9]+$")).findings
    assert (found.rule.id, found.base, found.new) == (
        "response-bound-changed",
        "/components/schemas/Price/pattern",
        "/components/schemas/Price/pattern",
    )


def test_one_change_of_a_shared_component_is_one_finding_with_all_its_uses() -> None:
    base = small()
    again = copy.deepcopy(base["paths"]["/portfolio/fills"]["get"])
    base["paths"]["/historical/fills"] = {"get": {**again, "operationId": "GetFillsHistorical"}}
    new = copy.deepcopy(base)
    new["components"]["schemas"]["Fill"]["properties"]["side"]["enum"].append("both")
    (found,) = compare(base, new).findings
    assert affected(found) == [
        "client.portfolio.fills, model Fill, field `fills[].side`",
        "client.history.fills, model Fill, field `fills[].side`",
    ]


def test_an_operation_without_a_facade_call_is_named_by_method_and_path() -> None:
    base = small()
    base["paths"]["/portfolio/fills"]["get"]["operationId"] = "GetOther"
    new = copy.deepcopy(base)
    new["paths"]["/portfolio/fills"]["get"]["deprecated"] = True
    (found,) = compare(base, new).findings
    assert affected(found) == ["GetOther (GET /portfolio/fills), which has no facade call"]


def test_an_argument_is_named_as_the_facade_names_it() -> None:
    base = small()
    base["paths"]["/portfolio/fills"]["get"]["parameters"].append(
        {"name": "min_ts", "in": "query", "schema": {"type": "integer"}})  # fmt: skip
    (gone,) = compare(base, small()).findings
    assert affected(gone) == ["client.portfolio.fills, argument `since` (sent as `min_ts`)"]
    (came,) = compare(small(), base).findings
    assert affected(came) == ["client.portfolio.fills, which has no argument for `min_ts` yet"]


def every_finding(name: str) -> list[tuple[Finding, Any, Any]]:
    """Give the findings of one mutation of each kind, with both documents."""
    whole = contract(name)
    sweep = MutantGenerator(name, whole, open_document)
    places = list(operations(whole))[::12]
    kinds = {each.kind: each for place in places for each in sweep.in_one_operation(*place)}
    found = []
    for mutation in kinds.values():
        new = mutation.new()
        compared = compare(mutation.base, new)
        found += [(each, compared.base.root, new) for each in compared.findings]
    return found


def stands(document: Any, pointer: str) -> bool:
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(step)] if isinstance(document, list) else document[step]
        except (KeyError, IndexError, ValueError):
            return False
    return True


@pytest.mark.parametrize("name", ["classic", "synthetic"])
def test_every_finding_points_into_both_documents_and_says_what_to_do(name: str) -> None:
    found = every_finding(name)
    assert len(found) > 60
    # What is missing on one side has no place of its own there: the place where it would stand.
    lost = ("/responses", "/content", "/headers", "/requestBody", "/schema", "/security",
            "/servers", "/paths", "/components/securitySchemes", "/callbacks")  # fmt: skip
    for each, base, new in found:
        assert stands(base, each.base) or each.base.endswith(lost), each.base
        assert stands(new, each.new) or each.new.endswith(lost), each.new
        assert title(each)
        assert meaning(each).endswith(".")
        assert each.rule.advice
        assert not re.search(r"\{(subject|name|field|before|after)\}", title(each))


def test_every_rule_says_why_and_what_to_do() -> None:
    for rule in RULES.values():
        assert rule.reason.endswith(".")
        assert rule.advice
        assert rule.title


def served(**server: Any) -> Any:
    new = document("upstream")
    return {**new, "servers": [server, *new["servers"][1:]]}


@pytest.mark.parametrize(
    "variable", [{"default": "v2"}, {"default": "v2", "enum": ["v2"], "description": "words"}]
)
def test_a_server_whose_url_has_a_variable_of_one_value_is_the_same_server(variable: Any) -> None:
    url = document("upstream")["servers"][0]["url"].replace("/v2", "/{v}")
    assert rules(document("upstream"), served(url=url, variables={"v": variable})) == []


@pytest.mark.parametrize("variable", [{"default": "v3"}, {"default": "v2", "enum": ["v2", "v3"]}])
def test_a_server_whose_variable_says_more_or_else_is_another(variable: Any) -> None:
    url = document("upstream")["servers"][0]["url"].replace("/v2", "/{v}")
    found = rules(document("upstream"), served(url=url, variables={"v": variable}))
    assert sorted(found) == ["server-added", "server-removed"]
