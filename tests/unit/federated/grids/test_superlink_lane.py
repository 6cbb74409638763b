"""The short way to a SuperLink's handlers: who is answered there, and who is refused."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.node_pb2 import Node
from flwr.supercore.protobuf.client import ProtobufRequestContext

from wayfed.federated.grids.rpc.identity import make_identity
from wayfed.federated.grids.superlink import guarded, lane, private


@pytest.fixture(scope="module")
def superlink():
    """A SuperLink's application, which no socket leads to."""
    own = make_identity("wayfed")
    return guarded._application(own.certificate, own.key, b"secret" * 8, guarded.DATABASE)


@pytest.fixture
def long_way(monkeypatch):
    """The paths of requests that went on to Flower's own layers."""
    passed = []
    answer = lane.Lane._answer

    def answer_and_tell(self, path, request, body):
        content = answer(self, path, request, body)
        if content is None:
            passed.append(path)
        return content

    monkeypatch.setattr(lane.Lane, "_answer", answer_and_tell)
    return passed


def post(superlink, path, body=b"", key=None):
    """Ask as a party with a key, or as nobody."""

    async def send():
        transport = httpx.ASGITransport(superlink)
        async with httpx.AsyncClient(transport=transport, base_url="https://superlink") as client:
            headers = {"content-type": "application/protobuf"}
            request = client.build_request("POST", path, content=body, headers=headers)
            if key is not None:
                sign(request, key)
            return await client.send(request)

    return asyncio.run(send())


def sign(request, key):
    """Add the headers that Flower's nodes send."""

    def sent(context):
        return httpx.Response(200)

    context = ProtobufRequestContext("", SendNodeHeartbeatRequest(), request)
    private.NodeAuthHttpInterceptor(key, key.public_key()).intercept(context, sent)


def a_node(superlink):
    """Register a party, and give its number and key."""
    key = load_pem_private_key(make_identity("ash").key, password=None)
    public = private.public_key_to_bytes(key.public_key())
    return superlink.state.linkstate_factory.state().create_node("", "", public, 0), key


def heartbeat(node):
    return SendNodeHeartbeatRequest(
        node=Node(node_id=node), heartbeat_interval=30
    ).SerializeToString()


@pytest.mark.parametrize("path", lane._HANDLED)
def test_who_does_not_say_who_it_is_goes_the_long_way_and_is_refused(superlink, long_way, path):
    assert post(superlink, path).status_code == 401
    assert long_way == [path]


def test_a_party_is_answered_on_the_short_way(superlink, long_way):
    node, key = a_node(superlink)
    answered = post(superlink, "/v1/fleet/send-node-heartbeat", heartbeat(node), key)
    assert SendNodeHeartbeatResponse.FromString(answered.content).success
    assert (answered.status_code, long_way) == (200, [])


def test_a_party_that_gives_another_number_than_its_own_is_refused(superlink, long_way):
    node, _ = a_node(superlink)
    _, other = a_node(superlink)
    answered = post(superlink, "/v1/fleet/send-node-heartbeat", heartbeat(node), other)
    assert answered.status_code == 401
    assert len(long_way) == 1


def test_what_cannot_be_read_goes_the_long_way_and_is_refused(superlink, long_way):
    _, key = a_node(superlink)
    answered = post(superlink, "/v1/fleet/push-object", b"\xff\xff", key)
    assert answered.status_code == 400
    assert len(long_way) == 1
