"""A JVM reaches the network as Python does: through its proxies, trusting whom it trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from wayfed_java.ivy import network_options
from wayfed_java.trust import trust_options
from wayfed_optimizer.errors import ExecutionError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("WAYFED_CACHE", str(tmp_path / "cache"))


def _listed(monkeypatch: pytest.MonkeyPatch, path: Path, text: str) -> Path:
    path.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://ada:secret@proxy.example.org:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.example.org")
    monkeypatch.setenv("no_proxy", "localhost, .example.net")
    options = network_options()
    assert [option for option in options if "Proxy" in option or "proxy" in option] == [
        "-Dhttp.proxyHost=proxy.example.org",
        "-Dhttp.proxyPort=80",
        "-Dhttps.proxyHost=proxy.example.org",
        "-Dhttps.proxyPort=3128",
        "-Dhttp.nonProxyHosts=localhost|*.example.net",
    ]


def test_a_list_of_authorities_is_written_once_and_again_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = ssl.DER_cert_to_PEM_cert(b"any bytes")
    listed = _listed(monkeypatch, tmp_path / "authorities.pem", certificate)
    first = trust_options()
    assert trust_options() == first
    listed.write_text(certificate * 2)
    assert trust_options()[0] != first[0]
    stores = sorted(path.suffix for path in (tmp_path / "cache").iterdir())
    assert stores == [".jks", ".jks"]


def test_where_nobody_names_authorities_java_has_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    assert trust_options() == ()


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!\n"])
def test_a_list_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    _listed(monkeypatch, tmp_path / "authorities.pem", text)
    with pytest.raises(ExecutionError, match="holds no certificates"):
        trust_options()
