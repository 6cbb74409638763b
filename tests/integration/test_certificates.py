"""Certificates that expire: what is said to whom they belong, and how they are renewed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.integration.rpc_parties import federation
from tests.waiting import wait_until
from wayfed.cli.app import app
from wayfed.federated.grids.rpc.identity import Identity, load_identity, make_identity, renewed
from wayfed.federated.grids.rpc.roster import Roster
from wayfed_optimizer.errors import InvalidOption, PartyError

FILES = [
    ("party", "party.toml", "when it lists both"),
    ("coordinator", "coordinator.toml", "at the time that you agreed upon"),
    ("requester", "federation.toml", "when all of them list both"),
]


@pytest.fixture
def ending(tmp_path: Path) -> Identity:
    """An identity in a directory, whose certificate has expired."""
    identity = make_identity("ash", valid=timedelta(minutes=-1))
    (tmp_path / "ash.pem").write_bytes(identity.certificate)
    (tmp_path / "ash.key").touch(mode=0o600)
    (tmp_path / "ash.key").write_bytes(identity.key)
    return identity


def test_who_connects_with_a_certificate_that_has_expired_is_told_so_and_what_helps():
    expired = make_identity("analyst", valid=timedelta(minutes=-1))
    with (
        federation() as fed,
        pytest.raises(PartyError, match=r"of 'analyst' expired on .*`wayfed party renew`"),
    ):
        fed.desk(expired).require_place()


@pytest.mark.parametrize(("who", "file", "when"), FILES)
def test_a_certificate_is_renewed_for_the_key_that_there_is(
    ending: Identity, tmp_path: Path, who: str, file: str, when: str
):
    (tmp_path / file).write_text('[identity]\ncertificate = "ash.pem"\nkey = "ash.key"\n')
    with pytest.raises(InvalidOption, match="expired on"):
        load_identity(tmp_path / "ash.pem", tmp_path / "ash.key")

    told = CliRunner().invoke(app, [who, "renew", str(tmp_path / file)]).output

    (tmp_path / "ash.renewed.pem").rename(tmp_path / "ash.pem")
    fresh = load_identity(tmp_path / "ash.pem", tmp_path / "ash.key")
    assert (fresh.key, fresh.name) == (ending.key, "ash")
    assert fresh.fingerprint != ending.fingerprint
    assert f'ash = "{fresh.fingerprint}"' in told
    assert when in told


def test_a_party_changes_to_a_renewed_certificate_while_both_are_listed():
    with federation() as fed:
        link = fed.party("ash")
        wait_until(lambda: "ash" in fed.hub.present)
        again = renewed(fed.identities["ash"])
        both = fed.listed(fed.identities, again)
        parties = {**both.parties, again.fingerprint: "ash"}
        fed.roster.roster = Roster(parties, both.requesters, both.certificates)
        fed.hub.look_at_roster()
        link.stop()
        wait_until(lambda: "ash" not in fed.hub.present)

        fed.party("ash", again)

        wait_until(lambda: "ash" in fed.hub.present)


def test_a_file_without_an_identity_is_renewed_nothing(tmp_path: Path):
    (tmp_path / "party.toml").write_text('name = "ash"\n')

    with pytest.raises(InvalidOption, match=r"has no \[identity\]"):
        CliRunner().invoke(
            app, ["party", "renew", str(tmp_path / "party.toml")], catch_exceptions=False
        )
