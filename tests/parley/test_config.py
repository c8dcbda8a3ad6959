import json
from pathlib import Path

import pytest

from parley.config import (
    Config,
    ConfigError,
    Endpoint,
    PortRange,
    Secret,
    SecretError,
    Trunk,
    from_json,
    load,
    parse,
)

# The block in the documentation, word for word: what it shows are the defaults.
DOCUMENTED = """
[store]
url = "sqlite:data/parley.db"
[http]
listen = "127.0.0.1:8080"
[sip]
listen = ["udp:127.0.0.1:5060"]
public_address = ""
[media]
ports = "20000-20999"
codecs = ["G722", "PCMU", "PCMA"]
processes = 1
shared_port = 0
hold_music = ""
[agent]
app = "parley.demo:Receptionist"
[consent]
policy = "ask"
[speech]
stt = "auto"
tts = "auto"
[model]
base_url = ""
name = ""
api_key = "env:OPENAI_API_KEY"
[recording]
directory = "data/recordings"
chunk_ms = 1000
[evidence]
tsa_url = ""
tsa_every_s = 3600
tsa_certificate = ""
"""

TRUNK = """
[[trunk]]
name = "carrier"
peers = ["203.0.113.0/24", "2001:db8::/32"]
registrar = "sip.example.net"
username = "parley"
password = "env:TRUNK_PASSWORD"
srtp = "required"
"""


def refusal(toml: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(toml, environ or {})
    return str(caught.value)


def test_no_file_at_all_is_a_working_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Config() == parse(DOCUMENTED, {})


def test_a_file_in_the_working_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parley.toml").write_text('[http]\nlisten = "[::1]:9090"\n')
    assert load(None, {}).http.listen == Endpoint("::1", 9090)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml", {})


def test_a_file_that_is_not_toml_is_refused_with_its_line() -> None:
    assert "parley.toml: " in refusal("[http\n")
    assert "line 1" in refusal("[http\n")


def test_an_unknown_key_is_refused_naming_the_nearest_and_the_file() -> None:
    message = refusal('[http]\nlisen = "127.0.0.1:1"\n')
    assert message == (
        "parley.toml: http.lisen is not known\n  The nearest known one is http.listen."
    )
    assert "[store]" in refusal('[stor]\nurl = ""\n')


@pytest.mark.parametrize(
    ("toml", "hint"),
    [
        ("[http]\nlisten = 8080", 'Write an address and a port such as "127.0.0.1:8080".'),
        ('[http]\nlisten = "localhost:8080"', "an address and a port"),
        ('[http]\nlisten = "127.0.0.1:65536"', "an address and a port"),
        ('[sip]\nlisten = ["sctp:127.0.0.1:5060"]', 'a list such as ["udp:127.0.0.1:5060", '),
        ("[sip]\ntls_verify_clients = 1", "true (who connects must show a certificate"),
        ('[sip]\nlocal_networks = ["10.0.0.1/8"]', "networks on our side of the NAT"),
        ("[sip]\nlisten = []", "a list such as"),
        ('[sip]\nlisten = "udp:127.0.0.1:5060"', "a list such as"),
        ("[sip]\nring_ms = true", "milliseconds to ring"),
        ("[sip]\nring_ms = -1", "milliseconds to ring"),
        ("[sip]\nearly_media = 1", "true to play the greeting"),
        ("[sip]\nsession_expires_s = 89", "seconds between signs of life"),
        ("[sip]\nsession_expires_s = false", "seconds between signs of life"),
        ('[sip]\npublic_address = "nat"', "the address callers reach"),
        ('[media]\nports = "20999-20000"', "a range of UDP ports"),
        ('[media]\ncodecs = ["GSM"]', 'a list of "G722", "PCMU", "PCMA", "opus"'),
        ('[media]\nports = "20001-20002"', "a range of UDP ports"),
        ("[media]\nprocesses = 0", "how many media processes share the calls, 1-16"),
        ("[media]\nprocesses = 17", "how many media processes share the calls, 1-16"),
        ("[media]\nshared_port = 5005", "an even UDP port, 1024-65504, or 0"),
        ("[media]\nshared_port = 80", "an even UDP port"),
        ("[media]\nshared_port = 65506", "an even UDP port"),
        ("[media]\nshare_port = 5004", "The nearest known one is media.shared_port."),
        ('[store]\nurl = "mysql:"', '"sqlite:PATH" or "postgresql://…"'),
        ('[store]\nurl = "sqlite:"', '"sqlite:PATH"'),
        ('[agent]\napp = ""', '"module:Class"'),
        ("[recording]\nchunk_ms = 1.5", "milliseconds, 100-10000"),
        ('[[trunk]]\npeers = ["203.0.113.7/24"]', 'networks such as ["203.0.113.0/24"]'),
        ('[[trunk]]\nsrtp = "maybe"', '"off", "optional" or "required"'),
        ('[trunk]\nname = "carrier"', "Write [[trunk]], once for each trunk."),
        ('[[trunk]]\nname = "a"\n[[trunk]]\nname = "a"', "a name of its own"),
        ('[sip]\nopen = "yes"', "true to let everybody call"),
        ("[sip]\ndrain_s = -1", "seconds that live calls may go on"),
        ('[[recorder]]\nuri = "tel:+4930"', "sip:srs@recorder.example:5060"),
        ('[[recorder]]\nscope = "monitoring"', '"recording": the consent it needs'),
        ('[[recorder]]\nwhen_closed = "noise"', '"silence"'),
        ('[recorder]\nname = "vault"', "Write [[recorder]], once for each recorder."),
        ('[[recorder]]\nname = "a"\n[[recorder]]\nname = "a"', "a name of its own"),
        ('[[trunk]]\nauth = "none"', '"digest" (callers know the password)'),
        ('[[trunk]]\nregistrar = "a b"', "the host to register with"),
        ('[[trunk]]\nproxy = "sip:user@host"', "the host that calls"),
        ("[[trunk]]\nexpires = 1", "seconds to be registered for, 30-86400"),
        ("http = 1", "Write [http], then keys."),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_saying_what_to_write(toml: str, hint: str) -> None:
    assert hint in refusal(toml)


def test_a_variable_overrides_the_file() -> None:
    environ = {
        "PARLEY_HTTP_LISTEN": "0.0.0.0:80",
        "PARLEY_SIP_LISTEN": "udp:10.0.0.1:5060, udp:10.0.0.2:5060",
        "PARLEY_SIP_RING_MS": "0",
        "PARLEY_SIP_OPEN": "true",
        "PARLEY_SIP_TLS_VERIFY_CLIENTS": "true",
        "PARLEY_SIP_LOCAL_NETWORKS": "10.0.0.0/8, fd00::/8",
    }
    config = parse('[http]\nlisten = "127.0.0.1:1"\n', environ)
    assert config.http.listen == Endpoint("0.0.0.0", 80)
    assert [str(listen) for listen in config.sip.listen] == [
        "udp:10.0.0.1:5060",
        "udp:10.0.0.2:5060",
    ]
    assert config.sip.ring_ms == 0
    assert config.sip.open is True
    assert config.sip.tls_verify_clients
    assert [str(network) for network in config.sip.local_networks] == ["10.0.0.0/8", "fd00::/8"]


def test_a_variable_that_is_not_known_or_not_valid_is_refused_by_name() -> None:
    assert "PARLEY_HTPP_LISTEN is not known" in refusal("", {"PARLEY_HTPP_LISTEN": "x"})
    assert "http.listen" in refusal("", {"PARLEY_HTTP_LISTN": "x"})
    assert "$PARLEY_SIP_RING_MS" in refusal("", {"PARLEY_SIP_RING_MS": "soon"})


def test_variables_which_kubernetes_adds_for_a_service_named_parley_are_ignored() -> None:
    environ = {"PARLEY_SERVICE_HOST": "10.0.0.1", "PARLEY_PORT_8080_TCP": "tcp://10.0.0.1:8080"}
    assert parse("", environ) == Config()


def test_a_variable_reaches_the_trunk_of_that_name() -> None:
    two = '[[trunk]]\nname = "carrier"\n[[trunk]]\nname = "carrier two"\n'
    config = parse(two, {"PARLEY_TRUNK_CARRIER_TWO_USERNAME": "x"})
    assert [trunk.username for trunk in config.trunk] == ["", "x"]


def test_a_secret_is_looked_up_only_when_it_is_needed(tmp_path: Path) -> None:
    (trunk,) = parse(TRUNK, {}).trunk
    assert trunk.password.reveal({"TRUNK_PASSWORD": "s3cret"}) == "s3cret"
    with pytest.raises(SecretError, match="TRUNK_PASSWORD is not set"):
        trunk.password.reveal({})
    (tmp_path / "password").write_text("s3cret\n")
    assert Secret(f"file:{tmp_path}/password").reveal({}) == "s3cret"
    with pytest.raises(SecretError, match="cannot be read"):
        Secret(f"file:{tmp_path}/absent").reveal({})


def test_a_secret_is_never_shown() -> None:
    shown = repr(parse('[model]\napi_key = "s3cret"\n', {}))
    assert "s3cret" not in shown
    assert "s3cret" not in refusal('[model]\napi_key = ["s3cret"]\n')


def test_a_secret_given_as_a_variable_stays_in_the_environment() -> None:
    environ = {"PARLEY_MODEL_API_KEY": "s3cret"}
    config = parse("", environ)
    assert "s3cret" not in json.dumps(config.to_json())
    assert config.model.api_key.reveal(environ) == "s3cret"


def test_a_configuration_survives_the_way_to_another_process() -> None:
    config = parse(TRUNK + DOCUMENTED, {})
    assert from_json(json.loads(json.dumps(config.to_json()))) == config
    assert isinstance(config.trunk[0], Trunk)


def test_a_data_directory_moves_what_is_still_at_its_default_place() -> None:
    moved = parse('[recording]\ndirectory = "/mnt/sealed"\n', {}).in_directory(Path("/srv"))
    assert moved.store.url == "sqlite:/srv/parley.db"
    assert moved.recording.directory == "/mnt/sealed"
    assert Config().in_directory(Path("/srv")).recording.directory == "/srv/recordings"


def test_a_pair_of_ports_stays_within_its_range() -> None:
    assert [*PortRange.parse("20000-20004").even] == [20000, 20002]
    assert [*PortRange.parse("20001-20005").even] == [20002, 20004]


def test_each_media_process_has_a_shared_pair_of_its_own() -> None:
    assert parse("[media]\nprocesses = 3\nshared_port = 5004", {}).media.shared_ports == (
        5004,
        5006,
        5008,
    )
    assert parse("[media]\nprocesses = 3", {}).media.shared_ports == ()
