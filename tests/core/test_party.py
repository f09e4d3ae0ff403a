"""Parties: what is one, how it is written, and that case never matters (OCPI 2.2.1, credentials 7.4.1; CiString)."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.party import Party, PartyRole, Role, parse_role

TNM = Party("NL", "TNM")
countries = st.text(string.ascii_letters, min_size=2, max_size=2)
ids = st.text(string.ascii_letters + string.digits, min_size=3, max_size=3)
parties = st.builds(Party.of, countries, ids)


@given(countries, ids)
def test_case_never_matters(country, party_id):
    party = Party.of(country, party_id)
    assert party == Party.of(country.lower(), party_id.lower()) == Party.of(country.upper(), party_id.upper())
    assert hash(party) == hash(Party.of(country.swapcase(), party_id.swapcase()))
    assert party.id == f"{country}-{party_id}".upper()


@given(parties, st.sampled_from(Role), st.sampled_from(["", "-", "*"]))
def test_what_is_written_is_read_again(party, role, between):
    assert Party.parse(str(party)) == Party.parse(f" {party.country}{between}{party.party_id.lower()}\n") == party
    both = PartyRole(party, role)
    assert PartyRole.parse(str(both)) == PartyRole.parse(str(both).lower()) == both


@given(st.text(), st.text())
def test_of_takes_only_ascii_letters_and_digits(country, party_id):
    try:
        party = Party.of(country, party_id)
    except ValueError:
        return
    assert (party.country, party.party_id) == (country.upper(), party_id.upper())
    assert len(party.id.encode()) == 6


@pytest.mark.parametrize(
    "country", ["", "N", "NLD", "N1", "N L", "N-", "ß", "ﬀ", "ıL", "ſE", "NL\n", "ＮＬ", "\udc80L"]
)
def test_a_country_that_is_none(country):
    with pytest.raises(ValueError, match=r"country code .* must be two letters, as NL"):
        Party.of(country, "TNM")


@pytest.mark.parametrize("party_id", ["", "TN", "TNMX", "T-M", "T M", "ßA", "T²M", "TNM\n", "٣AB"])
def test_a_party_id_that_is_none(party_id):
    with pytest.raises(ValueError, match=r"party id .* must be three letters or digits, as TNM"):
        Party.of("NL", party_id)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is not a party: write country and party id, as NL-TNM"),
        ("NL-", "is not a party"),
        ("NL--TNM", "is not a party"),
        ("NL_TNM", "is not a party"),
        ("NL-TNMX", "is not a party"),
        ("N1-TNM", "country code 'N1' must be two letters"),
        ("N-LTNM", "is not a party"),
        ("NL-T_M", "party id 'T_M' must be three letters or digits"),
    ],
)
def test_what_can_not_be_parsed(text, words):
    with pytest.raises(ValueError, match=words):
        Party.parse(text)


def test_an_error_does_not_repeat_a_whole_body():
    with pytest.raises(ValueError, match="country code") as caught:
        Party.of("N" * 100_000, "TNM")
    assert len(str(caught.value)) < 100


def test_roles():
    assert str(PartyRole(TNM, Role.EMSP)) == "NL-TNM:EMSP"
    assert parse_role(" emsp ") is Role.EMSP
    with pytest.raises(ValueError, match="'MSP' is not a role; the roles are CPO, EMSP, HUB, NAP, NSP, OTHER"):
        parse_role("MSP")
    with pytest.raises(ValueError, match="'NL-TNM' lacks a role: write it as NL-TNM:CPO"):
        PartyRole.parse("NL-TNM")
    with pytest.raises(ValueError, match="'' lacks a role: write it as NL-TNM:CPO"):
        PartyRole.parse("")


def test_parties_sort_by_country_and_id():
    assert sorted([TNM, Party("DE", "ZZZ"), Party("NL", "AAA")]) == [Party("DE", "ZZZ"), Party("NL", "AAA"), TNM]
