from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint

import pytest
from attrs import asdict, frozen

from kalshi_ext.redact import Secret

WORD = "correct horse battery staple"


def test_only_reveal_gives_the_secret() -> None:
    assert Secret(WORD).reveal() == WORD


def test_no_text_of_it_shows_the_secret() -> None:
    secret = Secret(WORD)
    texts = [
        repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", f"{secret:>40}",
        repr([secret]), repr({"k": secret}), pprint.pformat(secret), repr(dir(secret)),
        logging.makeLogRecord({"msg": "%s %r", "args": (secret, secret)}).getMessage(),
    ]  # fmt: skip
    assert [text for text in texts if WORD in text] == []


def test_it_cannot_be_pickled_or_written_as_json() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps([Secret(WORD)], protocol)
    with pytest.raises(TypeError):
        json.dumps(Secret(WORD))


def test_a_copy_is_the_secret_itself() -> None:
    secret = Secret(WORD)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"k": [secret]})["k"][0] is secret


def test_it_has_no_dictionary_of_attributes() -> None:
    with pytest.raises(TypeError):
        vars(Secret(WORD))


def test_a_class_that_holds_it_hands_out_the_secret_in_no_dictionary() -> None:
    @frozen
    class Holder:
        secret: Secret[str]

    assert WORD not in repr(Holder(Secret(WORD)))
    assert WORD not in repr(asdict(Holder(Secret(WORD))))
