"""party.toml, coordinator.toml and federation.toml: what is read, and what is told of mistakes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from wayfed.cli.beginning import PARTY as PARTY_TEMPLATE
from wayfed.federated.grids.rpc.identity import Identity, make_identity
from wayfed.federated.grids.rpc.watched import Watched
from wayfed.federated.parties.configuration import load_federation
from wayfed.federated.parties.files import OwnParty, load_hub, load_party, paths_of
from wayfed_optimizer.errors import InvalidOption, SourceError, TableNotFound, WayfedError

PAGE = Path(__file__).parents[3] / "docs" / "federation.md"
FINGERPRINT = "sha256:" + "ab" * 32

PARTY = """\
name = "ash"
schema = "schema.toml"
[coordinator]
address = "localhost:8443"
fingerprint = "{fingerprint}"
[identity]
certificate = "ash.pem"
key = "ash.key"
[requesters]
analyst = "{fingerprint}"
[tables.loans]
source = "loans.csv"
"""
SCHEMA = """\
[schema.loans]
customer_id = "int64"
[keys]
loans = "customer_id"
"""
HUB = """\
listen = "127.0.0.1:0"
[identity]
certificate = "ash.pem"
key = "ash.key"
[parties]
ash = "{fingerprint}"
"""


def write_identity(directory: Path, name: str, identity: Identity) -> None:
    (directory / f"{name}.pem").write_bytes(identity.certificate)
    (directory / f"{name}.key").touch(mode=0o600)
    (directory / f"{name}.key").write_bytes(identity.key)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a key, its certificate and a schema."""
    write_identity(tmp_path, "ash", make_identity("ash"))
    (tmp_path / "schema.toml").write_text(SCHEMA)
    (tmp_path / "certificates").mkdir()
    return tmp_path


@pytest.fixture
def party(directory: Path) -> Callable[..., Path]:
    """Write a party.toml, one text in it replaced by another."""

    def write(old: str = "", new: str = "") -> Path:
        text = PARTY.format(fingerprint=FINGERPRINT)
        assert old in text
        path = directory / "party.toml"
        path.write_text(text.replace(old, new, 1) if old else text)
        return path

    return write


def test_a_party_file_is_read_with_the_schema_that_all_share(party, directory):
    own = load_party(party())

    assert own.name == "ash"
    assert own.published["loans"].names == ("customer_id",)
    assert own.configuration.tables["loans"].source == str(directory / "loans.csv")
    assert own.requesters == {FINGERPRINT: "analyst"}
    assert own.coordinator.address == "localhost:8443"


@pytest.mark.parametrize(
    ("old", "new", "error", "told"),
    [
        ("[tables.loans]", "[tabels.loans]", InvalidOption, "did you mean 'tables'"),
        ("address =", "adress =", InvalidOption, "did you mean 'address'"),
        ("localhost:8443", "localhost", InvalidOption, "address: 'localhost' is not host:port"),
        (
            '[tables.loans]\nsource = "loans.csv"\n',
            "",
            InvalidOption,
            "none of the published tables",
        ),
        (FINGERPRINT, "sha256:abc", InvalidOption, "64 hexadecimal digits"),
        ("ash.key", "elm.key", SourceError, "elm.key cannot be read"),
        ("[tables.loans]", "[tables.loan]", TableNotFound, "did you mean 'loans'"),
        ("schema.toml", "other.toml", SourceError, "other.toml cannot be read"),
        ("loans.csv", "${WAYFED_NOT_SET}", InvalidOption, "no variable WAYFED_NOT_SET"),
        ('name = "ash"\n', "", InvalidOption, "name"),
    ],
)
def test_a_mistake_in_a_party_file_is_told_with_its_place(party, old, new, error, told):
    with pytest.raises(error) as raised:
        load_party(party(old, new))

    assert told in str(raised.value)


def test_a_key_that_others_can_read_is_refused(party, directory):
    (directory / "ash.key").chmod(0o644)

    with pytest.raises(InvalidOption, match="chmod 600"):
        load_party(party())


def test_a_key_of_another_certificate_is_refused(party, directory):
    (directory / "ash.key").write_bytes(make_identity("ash").key)

    with pytest.raises(InvalidOption, match="is not the key of"):
        load_party(party())


def test_a_certificate_that_has_expired_is_refused(party, directory):
    write_identity(directory, "ash", make_identity("ash", valid=timedelta(minutes=-5)))

    with pytest.raises(InvalidOption, match="expired on"):
        load_party(party())


def test_a_coordinator_reads_certificates_and_leaves_out_those_that_have_expired(directory, caplog):
    fresh = make_identity("birch")
    old = make_identity("cedar", valid=timedelta(minutes=-5))
    for name, identity in (("birch", fresh), ("cedar", old)):
        (directory / "certificates" / f"{name}.pem").write_bytes(identity.certificate)
    path = directory / "coordinator.toml"
    path.write_text(HUB.format(fingerprint=fresh.fingerprint))

    hub = load_hub(path)

    assert hub.roster.parties == {fresh.fingerprint: "ash"}
    assert hub.roster.certificates.split() == fresh.certificate.split()
    assert "cedar.pem expired on" in caplog.text


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (f'birch = "{FINGERPRINT}"\n', "'ash' and 'birch' have the same fingerprint"),
        (f'[requesters]\nanalyst = "{FINGERPRINT}"\n', "as a party and as a requester"),
        ("[party]\n", "did you mean 'parties'"),
        ('elm = "secret"\n', "is not a fingerprint"),
    ],
)
def test_a_mistake_in_a_coordinators_list_is_told(directory, more, told):
    path = directory / "coordinator.toml"
    path.write_text(HUB.format(fingerprint=FINGERPRINT) + more)

    with pytest.raises(InvalidOption) as raised:
        load_hub(path)

    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HUB + 'ash = "another"\n', "ash stands there twice"),
        ("[party.ash.tables.tx]\n" * 2, r"\[party.ash.tables.tx\] stands there twice"),
    ],
)
def test_a_name_that_stands_twice_is_told(directory, text, told):
    path = directory / "coordinator.toml"
    path.write_text(text.format(fingerprint=FINGERPRINT))

    with pytest.raises(SourceError, match=told):
        load_hub(path)


def test_a_list_that_cannot_be_used_any_more_changes_nothing(directory, caplog):
    path = directory / "coordinator.toml"
    path.write_text(HUB.format(fingerprint=FINGERPRINT))
    roster = Watched(lambda: load_hub(path).roster, paths_of(path))
    before = roster.current()
    path.write_text("listen = ")

    assert roster.current() is before
    assert "cannot be used as it is now" in caplog.text
    path.write_text(HUB.format(fingerprint="sha256:" + "cd" * 32))
    assert roster.current().parties == {"sha256:" + "cd" * 32: "ash"}


def test_a_federation_has_parties_of_its_own_or_a_coordinators(directory):
    elsewhere: dict[str, Any] = {
        "schema": {"loans": {"customer_id": "int64"}},
        "coordinator": {"address": "localhost:8443", "fingerprint": FINGERPRINT},
        "identity": {
            "certificate": str(directory / "ash.pem"),
            "key": str(directory / "ash.key"),
        },
    }
    found = load_federation(elsewhere)
    assert found.parties == {}
    assert found.coordinator.fingerprint == FINGERPRINT

    both = {**elsewhere, "party": {"ash": {"tables": {"loans": {"source": "loans.csv"}}}}}
    with pytest.raises(InvalidOption, match="both parties of its own and a coordinator's"):
        load_federation(both)
    with pytest.raises(InvalidOption, match="has no parties"):
        load_federation({"schema": {}})
    with pytest.raises(InvalidOption, match="a party has no name"):
        load_federation({"schema": elsewhere["schema"], "party": {" ": both["party"]["ash"]}})


def test_a_secret_that_is_not_there_yet_is_said_to_be_made_by_the_superlink(directory):
    superlink = {
        "address": "127.0.0.1:8443",
        "certificate": str(directory / "ash.pem"),
        "secret": str(directory / "superlink.secret"),
        "parties": {"ash": str(directory / "ash.pem")},
    }

    with pytest.raises(SourceError) as raised:
        load_federation({"schema": {"loans": {"customer_id": "int64"}}, "superlink": superlink})

    assert "coordinator serve --superlink` makes the secret" in raised.value.hint


def test_a_superlinks_secret_is_what_its_file_holds_byte_for_byte(directory):
    (directory / "superlink.secret").write_bytes(b"as a shell writes it\n")
    superlink = {
        "address": "127.0.0.1:8443",
        "certificate": str(directory / "ash.pem"),
        "secret": str(directory / "superlink.secret"),
        "parties": {"ash": str(directory / "ash.pem")},
    }

    found = load_federation({"schema": {"loans": {"customer_id": "int64"}}, "superlink": superlink})

    assert found.superlink.secret == b"as a shell writes it\n"


def test_the_files_on_the_page_are_files_that_are_read(directory, monkeypatch):
    monkeypatch.setenv("DB_USER", "wayfed")
    monkeypatch.setenv("DB_PASSWORD", "secret")
    write_identity(directory, "bank_a", make_identity("bank_a"))
    texts = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    numbers = iter(range(10, 99))
    party, schema, hub, superlink = (
        re.sub("sha256:…", lambda _: f"sha256:{next(numbers)}" + "0" * 62, text) for text in texts
    )
    (directory / "schema.toml").write_text(schema)
    (directory / "party.toml").write_text(party)
    door = superlink.split("# federation.toml")[0]
    (directory / "other.toml").write_text(
        re.sub(r"\[coordinator\].*?(?=\[identity\])", lambda _: door, party, flags=re.DOTALL)
    )
    (directory / "coordinator.toml").write_text(
        'listen = "0.0.0.0:8443"\n[identity]\ncertificate = "ash.pem"\nkey = "ash.key"\n' + hub
    )

    assert load_party(directory / "party.toml").name == "bank_a"
    assert load_party(directory / "other.toml").superlink
    assert set(load_hub(directory / "coordinator.toml").roster.parties.values()) == {
        "bank_a",
        "bank_b",
    }
    assert tomllib.loads(schema)["keys"] == {"loans": "customer_id"}


def test_what_init_writes_is_filled_in_to_be_the_file_on_the_page(directory, monkeypatch):
    monkeypatch.setenv("DB_USER", "wayfed")
    monkeypatch.setenv("DB_PASSWORD", "secret")
    write_identity(directory, "bank_a", make_identity("bank_a"))
    page, schema, *_ = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (directory / "schema.toml").write_text(schema)
    template = PARTY_TEMPLATE.format(name="bank_a").replace('source = "credit.parquet"\n', "")
    filled = re.sub(r"^# (\w+ = )", r"\1", template, flags=re.MULTILINE)

    def read(text: str) -> OwnParty:
        (directory / "party.toml").write_text(text.replace("sha256:…", FINGERPRINT))
        return load_party(directory / "party.toml")

    assert read(filled) == read(page)


def test_errors_of_these_files_are_errors_of_ours():
    with pytest.raises(WayfedError):
        load_party("/nowhere/party.toml")
