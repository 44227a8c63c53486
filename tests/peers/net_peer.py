"""A peer of few words: frames and a handshake on a plain socket."""

import os
import socket
import struct
import time
from hashlib import sha256

MAGIC = bytes.fromhex("fabfb5da")

# OP_TRUE behind its hash (BIP141): spent with a script and no key.
TRUE_ADDRESS = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85"


def double_hash(data):
    return sha256(sha256(data).digest()).digest()


def frame(command, payload=b"", magic=MAGIC, length=None, checksum=None):
    checksum = checksum or double_hash(payload)[:4]
    length = len(payload) if length is None else length
    return magic + command.ljust(12, b"\0") + struct.pack("<I", length) + checksum + payload


def version():
    address = bytes(8) + bytes(10) + b"\xff\xff\x7f\0\0\1" + struct.pack(">H", 18444)
    return struct.pack("<IQq", 70016, 9, int(time.time())) + address * 2 + os.urandom(8) \
        + b"\x03/x/" + struct.pack("<i?", 0, True)


def call(port):
    return socket.create_connection(("127.0.0.1", port), 10)


def shaken(port):
    peer = call(port)
    peer.sendall(frame(b"version", version()))
    seen = b""
    while b"verack" not in seen:
        seen += peer.recv(4096)
    peer.sendall(frame(b"verack"))
    return peer


def spend(node, height, fee=2000):
    """Spends the coinbase of a height that was paid to TRUE_ADDRESS; gives the id."""
    block = node.rpc("getblock", node.rpc("getblockhash", height), 2)
    coinbase = block["tx"][0]
    script = b"\x00\x20" + sha256(b"\x51").digest()
    value = round(coinbase["vout"][0]["value"] * 100_000_000) - fee
    head = struct.pack("<I", 2)
    body = b"\1" + bytes.fromhex(coinbase["txid"])[::-1] + struct.pack("<I", 0) + b"\0" \
        + struct.pack("<I", 0xfffffffd) + b"\1" + struct.pack("<q", value) \
        + bytes([len(script)]) + script
    raw = head + b"\0\1" + body + b"\1\1\x51" + bytes(4)
    txid = double_hash(head + body + bytes(4))[::-1].hex()
    assert node.rpc("sendrawtransaction", raw.hex()) == txid
    return txid
