"""A running server, its commands, its door, and a node that is killed between two actions."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from httpx2 import Client, TransportError

from runtime.checkpoint import private_key_from_pem
from runtime.identities import rules, signing
from runtime.log_key import ORIGIN
from tests.interop.server import Server
from tests.web.door import mac_headers

TRIES_MAX = 5

pytestmark = [pytest.mark.interop, pytest.mark.slow]


def deleted(url: str, path: str, headers: dict[str, str]) -> int:
    """The status. The dying node may still take a connection; a retry is done once all the same.

    The keeper holds the socket: who comes while no node is there waits for the next.
    """
    for _ in range(TRIES_MAX):
        try:
            with Client(base_url=url, timeout=20.0) as client:
                return client.delete(path, headers=headers).status_code
        except TransportError:
            continue
    raise AssertionError(f"the server did not come back in {TRIES_MAX} tries")


def log_in(client: Client, key: Ed25519PrivateKey) -> tuple[str, str, bytes]:
    identity = rules.id_of(key.public_key().public_bytes_raw())
    challenge = client.post("/v1/challenges").json()["challenge"]
    data = signing.message(
        ORIGIN,
        identity,
        "runtime.login_opened",
        scope=None,
        request=f"{identity}/{challenge}",
        args={"challenge": challenge},
    )
    body = {"identity": identity, "challenge": challenge, "signature": signing.sign(key, data)}
    found = client.post("/v1/logins", json=body).json()
    return identity, found["login"], base64.b64decode(found["mac_key"])


def test_identities_act_on_a_running_server_and_logins_outlive_a_killed_node(
    server: Server,
) -> None:
    folder = server.data.parent
    boss = server.json("identity", "new", "--name", "Ann", "--role", "operator", "--out", "a.pem")
    bob = server.json("identity", "new", "--name", "Bob", "--out", "b.pem")["id"]
    url = server.url
    suspend = ["act", "runtime.identity_suspended", "--url", url, "--key", "a.pem"]
    done = server.parley_anywhere(*suspend, "--arg", f'identity="{bob}"')
    assert done.returncode == 0, done.stderr

    key = private_key_from_pem((folder / "a.pem").read_bytes())
    with Client(base_url=url) as client:
        identity, login, mac_key = log_in(client, key)
        assert identity == boss["id"]
        server.kill("node")
        path, args = f"/v1/logins/{login}", {"login": login}
        data = signing.message(
            ORIGIN,
            identity,
            "runtime.login_ended",
            scope=None,
            request=f"{identity}/bye",
            args=args,
        )
        headers = mac_headers(login, "bye", signing.mac(mac_key, data))
    assert deleted(url, path, headers) == 200

    server.kill("node")
    resumed = server.parley("identity", "resume", bob)
    assert resumed.returncode == 0, resumed.stderr
    listed = {row["id"]: row["state"] for row in server.json("identity", "list")}
    assert listed == {boss["id"]: "active", bob: "active"}
    audited = server.parley("replay", "--all")
    assert "identical" in audited.stdout, audited.stdout
