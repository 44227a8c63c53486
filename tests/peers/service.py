"""The port asked by clients that we did not write: websockets, python-bitcoinrpc and
check-jsonschema's validator (jsonschema). Arguments: the port's address, the cookie's file, the
node's process."""

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

import jsonschema
import referencing
import websockets
from bitcoinrpc.authproxy import AuthServiceProxy, JSONRPCException

address, cookie_file, process = sys.argv[1:]
cookie = open(cookie_file).read()
PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def document_schema():
    """The OpenRPC project's own schema of documents, from npm; what it says of schemas inside is
    draft 7's."""
    package = os.path.join(sys.prefix, "npm", "node_modules", "@open-rpc", "meta-schema")
    text = subprocess.check_output(
        ["node", "-p", "JSON.stringify(require(process.argv[1]).openrpcDocument)", package])
    draft7 = referencing.Resource.from_contents(jsonschema.Draft7Validator.META_SCHEMA)
    names = ["https://meta.json-schema.tools/", "https://meta.json-schema.tools"]
    registry = referencing.Registry().with_resources([(name, draft7) for name in names])
    return jsonschema.Draft7Validator(json.loads(text), registry=registry)


def core_clients():
    """python-bitcoinrpc, with the cookie as user and password."""
    rpc = AuthServiceProxy(f"http://{cookie}@{address}", timeout=30)
    before = rpc.getblockcount()
    hashes = rpc.generatetoaddress(3, PAYEE)
    assert rpc.getblockcount() == before + 3 and rpc.getbestblockhash() == hashes[-1]
    block = rpc.getblock(hashes[0], 2)
    assert block["height"] == before + 1 and block["tx"][0]["vout"][0]["value"] == 50
    assert rpc.getblockhash(before + 1) == hashes[0]
    # Its batches call themselves 2.0 and then read the old shape, which no 2.0 reply has: not asked.
    try:
        rpc.getblockhash(10**6)
    except JSONRPCException as error:
        assert error.code == -8, error
    else:
        raise AssertionError("a block that is not there was shown")
    try:
        AuthServiceProxy(f"http://__cookie__:wrong@{address}", timeout=30).getblockcount()
    except JSONRPCException as error:
        assert "401" in str(error), error
    else:
        raise AssertionError("a wrong password was let in")


def document():
    """The document holds to the project's schema of them; each schema is one; each example runs and
    its result is what the schema says."""
    with urllib.request.urlopen(f"http://{address}/openrpc.json", timeout=30) as answer:
        shown = json.load(answer)
    document_schema().validate(shown)
    assert len(shown["methods"]) >= 50
    ran = 0
    names = set()
    for method in shown["methods"]:
        assert method["name"] not in names, method["name"]
        names.add(method["name"])
        for part in [*method["params"], method["result"]]:
            jsonschema.Draft7Validator.check_schema(part["schema"])
        optional = [not param.get("required", False) for param in method["params"]]
        assert optional == sorted(optional), f"{method['name']}: required parameters come first"
        for example in method.get("examples", []):
            for by_name in (False, True):
                values = {p["name"]: p["value"] for p in example["params"]}
                request = {"jsonrpc": "2.0", "id": 1, "method": method["name"],
                           "params": values if by_name else list(values.values())}
                body = urllib.request.Request(f"http://{address}/", json.dumps(request).encode())
                with urllib.request.urlopen(body, timeout=60) as answer:
                    reply = json.load(answer)
                assert "result" in reply, (request, reply)
                jsonschema.validate(reply["result"], method["result"]["schema"])
                ran += 1
    assert ran >= 20, ran
    return ran


async def sockets():
    """The websockets library: subscriptions, batches, its compression offer, a close in order."""
    url = f"ws://{address}/"
    token = {"Authorization": f"Bearer {cookie.split(':', 1)[1]}"}
    async with websockets.connect(url) as listener, websockets.connect(url, additional_headers=token) as operator:

        async def ask(socket, method, *params, **named):
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": named or params}))
            return json.loads(await asyncio.wait_for(socket.recv(), 30))

        said = await ask(listener, "subscribe", topics=["blocks"])
        assert said["result"]["topics"] == ["blocks"], said
        assert (await ask(listener, "generatetoaddress", 1, PAYEE))["error"]["code"] == -32001
        mined = (await ask(operator, "generatetoaddress", nblocks=1, address=PAYEE))["result"]
        event = json.loads(await asyncio.wait_for(listener.recv(), 30))
        assert event["type"] == "block" and event["hash"] == mined[0], event
        await listener.send(json.dumps([{"jsonrpc": "2.0", "id": n, "method": "getblockcount"} for n in range(50)]))
        replies = json.loads(await asyncio.wait_for(listener.recv(), 30))
        assert sorted(reply["id"] for reply in replies) == list(range(50))
        await (await listener.ping())
        for bad, code in [("{", -32700), ("[]", -32600), ('{"jsonrpc":"2.0","id":1,"method":"x"}', -32601)]:
            await listener.send(bad)
            reply = json.loads(await asyncio.wait_for(listener.recv(), 30))
            assert reply["error"]["code"] == code, reply
    try:
        await websockets.connect(url, origin="https://evil.example")
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 403
    else:
        raise AssertionError("a page of another site got a socket")


def memory():
    """Resident memory of the node in MiB."""
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def crowd():
    """10,000 connections, 500 at a time, that say half of something and break off; a call is
    answered among them, and the node's memory stays as it was."""
    host, port = address.rsplit(":", 1)
    upgrade = (f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
    sayings = [
        b"", b"GET / HTTP/1.1\r\nHost: loc", b"\x00\xff\x00\xff" * 64,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n[[[[",
        # A frame that says it is 16 EiB long, and half of a small one.
        upgrade + b"\x81\xff" + b"\xff" * 8, upgrade + b"\x81\xfe\x10",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000,
    ]
    before = memory()
    most = before
    rpc = AuthServiceProxy(f"http://{cookie}@{address}", timeout=30)
    for _ in range(20):
        held = []
        for at in range(500):
            one = socket.create_connection((host, int(port)), timeout=10)
            # Leaves without a word when it is closed.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                one.sendall(sayings[at % len(sayings)])
            except OSError:
                pass  # The node has closed already what can't become a request.
            held.append(one)
        assert rpc.getblockcount() >= 0
        most = max(most, memory())
        for one in held:
            one.close()
    assert most < before + 64, f"{before:.0f} MiB grew to {most:.0f}"
    return f"10,000 broken connections: {before:.0f} MiB of memory before, at most {most:.0f} during"


def dawdle():
    """Clients that send a byte every other second (a head, a body) are shown the door when their
    time is over, however busy they look."""
    host, port = address.rsplit(":", 1)
    heads = [b"GET /health HTTP/1.1\r\nX-Slow: ",
             b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n["]
    began = time.monotonic()
    open_ones = []
    for at in range(20):
        one = socket.create_connection((host, int(port)), timeout=10)
        one.sendall(heads[at % 2])
        one.setblocking(False)
        open_ones.append(one)
    while open_ones:
        time.sleep(2)
        assert time.monotonic() - began < 90, f"{len(open_ones)} slow clients are still there"
        still = []
        for one in open_ones:
            try:
                while one.recv(4096):
                    pass  # A word on the way out.
                continue
            except BlockingIOError:
                pass
            except OSError:
                continue
            try:
                one.send(b"a")
                still.append(one)
            except OSError:
                pass
        open_ones = still
    took.append(time.monotonic() - began)


took = []
slow = threading.Thread(target=dawdle)
slow.start()
core_clients()
examples = document()
asyncio.run(sockets())
print(f"python-bitcoinrpc and websockets are answered; the document holds and {examples} runs of its examples fit it")
print(crowd())
slow.join()
assert took, "slow clients were not sent away"
print(f"20 clients of a byte every other second were sent away after {took[0]:.0f} s")
