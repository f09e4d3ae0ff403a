"""The builders that plugin tests use."""

import pytest

from hub.core.party import Party
from hub.errors import InvalidParameters
from hub.plugin import Plugin, Settings
from hub.plugin.testing import message, plugin, reply


def test_a_message_is_as_ocpi_has_it():
    built = message("PUT receiver/tokens/NL/TNM/0123?type=RFID", {"uid": "0123"}, receiver="DE-ABC")
    assert str(built.operation) == "PUT receiver/tokens/{country_code}/{party_id}/{token_uid}"
    assert (built.sender, built.owner, built.receiver) == (Party("NL", "TNM"), Party("NL", "TNM"), Party("DE", "ABC"))
    assert (built.query, built.json(), built.object_id) == ("type=RFID", {"uid": "0123"}, "0123")


@pytest.mark.parametrize(
    "call", ["", "PUT", "PUT tokens", "PUT receiver/tokens", "PUT sender/tokens/NL/TNM/0123", "GET x/y"]
)
def test_what_ocpi_does_not_have(call):
    with pytest.raises(ValueError, match="is no call of OCPI"):
        message(call)


def test_a_body_that_does_not_fit_its_path():
    with pytest.raises(InvalidParameters):
        message("PUT receiver/tokens/NL/TNM/0123", {"uid": "9999"})


def test_a_reply_is_ok_or_not():
    assert reply({"a": 1}).ok
    assert not reply(code=2001).ok


def test_a_plugin_is_ready_to_be_called():
    class Mine(Plugin):
        pass

    made = plugin(Mine)
    assert made.settings == Settings()
    made.log.info("here")
