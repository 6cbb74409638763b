"""A cluster that wants to know who comes: what opens it, and what the errors say that do not."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import Producer

import wayfed as wf
from tests.conftest import EVERYTHING_MUST_RUN
from tests.integration.kafka.records import CLIENTS
from tests.integration.kafka.topics import values
from wayfed.testing.servers import KafkaServer
from wayfed_optimizer.errors import ExecutionError, InvalidOption, SourceError, WayfedError

pytestmark = pytest.mark.kafka

SCHEMA = {"n": "int64"}


@pytest.fixture(scope="module")
def secured():
    """A broker that asks for logins by SCRAM or by certificate, and gives each user few rights."""
    try:
        server = KafkaServer.start(users=["ada", "bob"])
    except WayfedError as error:
        if EVERYTHING_MUST_RUN:
            raise
        pytest.skip(f"no Kafka: {error}")
    with server:
        server.create_topic("sales")
        server.create_topic("salaries")
        for user in ("ada", "CN=ada"):
            server.allow(user, "WRITE", topic="sales")
            server.allow(user, "READ", topic="sales")
            server.allow(user, "WRITE", kind="TRANSACTIONAL_ID")
        server.allow("bob", "DESCRIBE", topic="salaries")
        server.allow("bob", "WRITE", topic="salaries")
        producer = Producer(server.client())
        producer.produce("salaries", b'{"n":0}')
        producer.flush()
        yield server


@pytest.fixture(params=CLIENTS)
def login(request, secured):
    """Settings with which ada gets in."""
    return {
        "client": request.param,
        "username": "ada",
        "password": secured.security.passwords["ada"],
        "ca": str(secured.security.authority),
    }


def written_and_read(url, settings):
    with wf.context(kafka=settings) as ctx:
        before = ctx.read(url, format="json", schema=SCHEMA).count()
        ctx.read({"n": [1, 2]}).write(url, mode="append")
        return ctx.read(url, format="json", schema=SCHEMA).count() - before


def test_a_login_by_password_reads_and_writes(secured, login):
    assert written_and_read(secured.url("sales"), login) == 2


def test_a_certificate_is_a_login_too(secured, login):
    client = str(secured.security.client)
    settings = {"client": login["client"], "ca": login["ca"]}
    settings |= {"certificate": client, "private_key": client}
    assert written_and_read(secured.url("sales", "MTLS"), settings) == 2


def test_secrets_come_from_the_environment_and_from_files(secured, login, tmp_path, monkeypatch):
    monkeypatch.setenv("KAFKA_USER", "ada")
    (tmp_path / "password").write_text(login["password"])
    (tmp_path / "wayfed.toml").write_text(
        f"""
        [engines.kafka]
        client = "{login["client"]}"
        username = "${{KAFKA_USER}}"
        password = "file:{tmp_path}/password"
        ca = "{login["ca"]}"
        [tables.sales]
        source = "{secured.url("sales")}"
        format = "json"
        schema = {{ n = "int64" }}
        """
    )
    with wf.context(tmp_path / "wayfed.toml") as ctx:
        ctx.read({"n": [3]}).write(secured.url("sales"), mode="append")
        sales = ctx.read("sales")
        assert 3 in sales.to_numpy()["n"]
        shown = f"{ctx!r}{sales!r}{sales.explain()}{sales.explain(analyze=True)}{ctx.platforms()}"
        assert login["password"] not in shown


def test_a_login_may_stand_in_the_url(secured, login):
    settings = {"client": login["client"], "ca": login["ca"]}
    url = secured.url("sales").replace("//", f"//ada:{login['password']}@")
    assert written_and_read(url, settings) == 2
    with wf.context(kafka=settings) as ctx:
        sales = ctx.read(url, format="json", schema=SCHEMA)
        assert login["password"] not in f"{ctx!r}{sales!r}{sales.explain()}"
        with pytest.raises(WayfedError) as raised:
            ctx.read({"n": [1]}).write(url)
        assert login["password"] not in str(raised.value)


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_wrong_password_is_said_to_be_one(secured, login, verb, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SourceError, match="refused the login") as raised:
        attempt(verb, secured.url("sales"), {**login, "password": "not-the-one"})
    assert "not-the-one" not in f"{raised.value}{caplog.text}"


@pytest.mark.parametrize("verb", ["read", "write"])
def test_an_authority_that_did_not_sign_is_said_to_be_the_matter(secured, login, verb):
    with pytest.raises(SourceError, match=r"no TLS connection(.*\n)*.*ca= names the authority"):
        attempt(verb, secured.url("sales"), {**login, "ca": str(secured.security.stranger)})


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_certificate_for_another_host_is_refused(secured, login, verb):
    with pytest.raises(SourceError, match="no TLS connection"):
        attempt(verb, secured.url("sales", "MISNAMED"), login)


def test_a_certificate_that_is_not_shown_is_asked_for(secured, login):
    settings = {"client": login["client"], "ca": login["ca"]}
    with pytest.raises(SourceError, match=r"(no TLS connection|no answer)(.*\n)*.*certificate="):
        attempt("read", secured.url("sales", "MTLS"), settings)


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_topic_that_is_forbidden_is_not_shown_to_be_there(secured, login, verb):
    with pytest.raises(SourceError, match="may not"):
        attempt(verb, secured.url("salaries"), login)


def test_what_may_be_read_may_not_be_written_by_that(secured, login):
    settings = {**login, "username": "bob", "password": secured.security.passwords["bob"]}
    with pytest.raises(ExecutionError, match=r"may not(.*\n)*.*[Tt]ransactional"):
        attempt("write", secured.url("salaries"), settings)
    with pytest.raises(WayfedError, match="may not"):
        attempt("read", secured.url("salaries"), settings)
    assert values(secured, "salaries") == [b'{"n":0}']


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"username": "ada"}, "needs a password="),
        ({"ca": "nowhere.pem"}, "ca='nowhere.pem' is not a file"),
        ({"mechanism": "SCRAM"}, "SCRAM-SHA-512"),
        ({"pasword": "x"}, "did you mean 'password'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, said):
    with pytest.raises(InvalidOption) as raised, wf.context(kafka=settings) as ctx:
        ctx.read("kafka://127.0.0.1:1/sales", format="json", schema=SCHEMA)
    assert said in str(raised.value)


def attempt(verb, url, settings):
    with wf.context(kafka=settings) as ctx:
        if verb == "read":
            ctx.read(url, format="json", schema=SCHEMA).count()
        else:
            ctx.read({"n": [1]}).write(url, mode="append")
