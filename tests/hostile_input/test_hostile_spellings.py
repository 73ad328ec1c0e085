"""What a client holds is replaced in an answer however the answer writes it."""

from __future__ import annotations

import base64
import html
import json
import re
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import hostile_answers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import Kalshi, KalshiError
from kalshi_ext.spellings import spellings_of, squeezed, without

TOKEN = "b64Token-Zq9x/W3vK7+mP2sT5=nR8yL"


def escaped(form: str) -> Callable[[str], str]:
    return lambda value: "".join(form % ord(letter) for letter in value)


def broken(gap: str) -> Callable[[str], str]:
    return lambda value: f"{value[:10]}{gap}{value[10:20]}{gap}{value[20:]}"


def times(count: int, write: Callable[[str], str], value: str) -> str:
    return value if count == 0 else times(count - 1, write, write(value))


def in_base64(lead: str) -> Callable[[str], str]:
    return lambda value: base64.b64encode(f"{lead}{value}{lead}".encode()).decode()


WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str, "upper": str.upper, "lower": str.lower, "swapped": str.swapcase,
    "url": quote, "url, all": escaped("%%%02x"), "url twice": lambda v: quote(quote(v, safe="")),
    "html": html.escape, "html, all": escaped("&#%d;"), "html, hex": escaped("&#x%x;"),
    "json, all": escaped("\\u%04x"), "python": escaped("\\x%02x"),
    "octal": escaped("\\%03o"), "braces": escaped("\\u{%x}"), "long": escaped("\\U%08x"),
    "html, no semicolon": escaped("&#%d"), "shell": lambda v: re.sub(r"(\W)", r"\\\1", v),
    "slashes": lambda v: v.replace("/", "\\/"),
    **{f"broken by {gap!r}": broken(gap) for gap in (
        "\n", "\r\n ", " ", "\0", "\u200b", "\xad", "<wbr>", "<br/>", "&shy;", "\\n", "%0A",
        "<br />", "</b>", "\u034f", "\ufe0f", "\U000e0041", "\x1b[1;31m", "\\\n",
    )},
    **{f"base64 {len(lead)}": in_base64(lead) for lead in ("", "x", "Bearer ", '{"a":"')},
    "hexadecimal": lambda v: v.encode().hex(),
    "url, five times": lambda v: times(5, lambda text: quote(text, safe=""), v),
    "json, four times": lambda v: times(4, json.dumps, escaped("\\u%04x")(v)),
    "html, thrice": lambda v: times(2, html.escape, escaped("&#%d;")(v)),
    "url of html of json": lambda v: quote(html.escape(json.dumps(escaped("\\u%04x")(v)))),
    "spans": lambda v: f'{v[:9]}<span class="pun">{v[9]}</span>{v[10:]}',
    "fingerprint": lambda v: v.encode().hex(":"),
    "hex list": lambda v: ", ".join(f"0x{byte:02X}" for byte in v.encode()),
    "bytes of Node": lambda v: str([*v.encode()]),
    "bytes of Go": lambda v: str([*v.encode()]).replace(",", ""),
}  # fmt: skip


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("wrap", [str, json.dumps, lambda text: json.dumps({"error": text})])
def test_no_writing_of_a_token_is_shown(writing: str, wrap: Callable[[str], str]) -> None:
    written = WRITINGS[writing](TOKEN)
    transport = hostile_answers.Answering()
    transport.answer = hostile_answers.Answer(400, f"oops {wrap(written)} end".encode())
    with (
        Kalshi(bearer_token=TOKEN, transport=transport, policy=hostile_answers.QUICK) as client,
        pytest.raises(KalshiError) as caught,
    ):
        client.orders.get("o1")
    body = caught.value.body.decode()
    assert squeezed(TOKEN) not in squeezed(f"{caught.value} {body}")
    assert body.startswith("oops ")
    assert body.endswith(" end")
    inner = json.dumps(written)[1:-1]
    for text in (written, inner):
        middle = text[len(text) // 2 - 5 : len(text) // 2 + 5]
        assert middle not in body


KEY_ID = "3a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


@pytest.mark.parametrize("before", ["%", "\\", "&#", "\\u", "<", "%25"])
def test_what_stands_before_a_value_makes_no_escape_of_its_first_letters(before: str) -> None:
    assert KEY_ID[4:] not in without(f"x{before}{KEY_ID} y", spellings_of(KEY_ID), "*")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (KEY_ID, KEY_ID.replace("-", "").upper()),
        ("pässwörd-50%x", quote("pässwörd-50%x")),
        ("päss wörd-50%x", quote_plus("päss wörd-50%x")),
        ("tok~en?~~~>>>and-more", base64.urlsafe_b64encode(b"{tok~en?~~~>>>and-more").decode()),
    ],
)
def test_other_writings_of_ids_and_passwords_are_found(value: str, written: str) -> None:
    cleaned = without(f"see {written} end", spellings_of(value), "*")
    assert written[8:-8] not in cleaned
    assert (cleaned[:4], cleaned[-4:]) == ("see ", " end")


TEXTS = st.text(st.sampled_from([*string.printable, "\u200b", "\xad", "\ud800", "\u0130", "ü"]))
VALUE = squeezed(TOKEN)


@given(TEXTS, TEXTS, st.sampled_from(list(WRITINGS.values())))
def test_the_text_around_a_value_stays(
    before: str, after: str, write: Callable[[str], str]
) -> None:
    text = f"{before} . {write(TOKEN)} . {after}"
    cleaned = without(text, spellings_of(TOKEN), "*")
    assert cleaned.startswith(before)
    assert cleaned.endswith(after)
    assert VALUE not in squeezed(cleaned)


def test_of_a_long_text_that_quotes_a_value_nothing_is_kept() -> None:
    assert without("x" * 300_000 + TOKEN, spellings_of(TOKEN), "*") == "*"


@given(st.binary(max_size=80))
def test_an_answer_without_a_known_value_stays_byte_for_byte(body: bytes) -> None:
    transport = hostile_answers.Answering()
    transport.answer = hostile_answers.Answer(400, body)
    with Kalshi(bearer_token=TOKEN, transport=transport, policy=hostile_answers.QUICK) as client:
        with pytest.raises(KalshiError) as caught:
            client.orders.get("o1")
        assert caught.value.body == body
