"""A document that says the same in another way gives the committed text; a change only itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import spec
from contract.arrangement import arranged_like
from contract.dump import dump_yaml
from contract.normalise import normalise
from contract.references import operations
from documents_for_spec import ROOT
from rearranged import REARRANGEMENTS, all_at_once, inlined, renamed, reordered, whole_document

from kalshi_ext.drift.documents import document

Node = dict[str, Any]
UPSTREAM = ROOT / "openapi" / "upstream.yaml"
FILLS = "/portfolio/fills"


def part(published: Node) -> Node:
    return arranged_like(normalise(published), document("upstream"))


def schema(published: Node, name: str) -> Node:
    found: Node = published["components"]["schemas"][name]
    return found


def test_the_whole_document_gives_the_committed_part() -> None:
    assert len(operations(whole_document())) == 128
    written = spec.HEADER + dump_yaml(spec.published_part(whole_document(), UPSTREAM))
    assert written == UPSTREAM.read_text("utf-8")


@pytest.mark.parametrize("rearranged", REARRANGEMENTS, ids=lambda each: each.__name__)
def test_a_rearranged_document_gives_the_committed_text(
    rearranged: Callable[[Node], Node],
) -> None:
    published = rearranged(whole_document())
    assert json.dumps(published) != json.dumps(whole_document())
    # As text: the order of keys is part of what is written.
    assert json.dumps(part(published)) == json.dumps(document("upstream"))


@pytest.mark.parametrize("rearranged", [inlined, renamed, all_at_once], ids=lambda e: e.__name__)
def test_a_change_in_a_rearranged_document_is_the_only_difference(
    rearranged: Callable[[Node], Node],
) -> None:
    published = whole_document()
    schema(published, "Order")["properties"]["fee_tier"] = {"type": "string"}
    schema(published, "OrderStatus")["enum"].append("halted")
    published["components"]["parameters"]["LimitQuery"]["schema"]["maximum"] = 200
    wanted = document("upstream")
    schema(wanted, "Order")["properties"]["fee_tier"] = {"type": "string"}
    schema(wanted, "OrderStatus")["enum"].append("halted")
    wanted["components"]["parameters"]["LimitQuery"]["schema"]["maximum"] = 200
    assert part(rearranged(published)) == normalise(wanted)


def test_a_place_that_got_a_schema_of_its_own_keeps_the_name_it_has_there() -> None:
    published = whole_document()
    fills = published["paths"]["/historical/fills"]["get"]["responses"]["200"]
    old = schema(published, "GetFillsResponse")
    archived = copy.deepcopy(schema(published, "Fill"))
    archived["properties"]["archived"] = {"type": "boolean"}
    published["components"]["schemas"] |= {
        "ArchivedFill": archived,
        "GetArchivedFills": {
            **old,
            "properties": {
                **old["properties"],
                "fills": {"type": "array", "items": {"$ref": "#/components/schemas/ArchivedFill"}},
            },
        },
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/GetArchivedFills"}}}
    fills["content"] = content
    arranged = part(published)
    assert schema(arranged, "Fill") == schema(document("upstream"), "Fill")
    assert "archived" in schema(arranged, "ArchivedFill")["properties"]
    assert arranged["paths"][FILLS] == document("upstream")["paths"][FILLS]


def test_a_new_operation_speaks_of_known_schemas_by_their_committed_names() -> None:
    published = whole_document()
    published["paths"]["/portfolio/newest_fill"] = {
        "get": {
            "operationId": "GetNewestFill",
            "tags": ["portfolio"],
            "responses": {
                "200": {
                    "description": "OK",
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Fill"}}
                    },
                }
            },
        }
    }
    answers = {
        rearranged.__name__: part(rearranged(published))["paths"]["/portfolio/newest_fill"]["get"][
            "responses"
        ]["200"]["content"]["application/json"]["schema"]
        for rearranged in (reordered, inlined, renamed)
    }
    assert answers == {name: {"$ref": "#/components/schemas/Fill"} for name in answers}


def test_a_schema_that_contains_itself_is_arranged() -> None:
    published = whole_document()
    schema(published, "Order")["properties"]["parent"] = {"$ref": "#/components/schemas/Order"}
    parent = schema(part(renamed(published)), "Order")["properties"]["parent"]
    assert parent == {"$ref": "#/components/schemas/Order"}
