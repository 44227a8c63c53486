"""python-bitcoinlib's messages as a peer: handshake, headers, blocks, and a transaction that lands
in our pool."""

import io
import socket
import struct
import sys

import bitcoin
from bitcoin.core import (CBlockHeader, CMutableTransaction, CMutableTxIn, CMutableTxOut, COutPoint,
                          CTxInWitness, CTxWitness, b2lx, lx)
from bitcoin.core.script import CScript, CScriptWitness
from bitcoin.core.serialize import VarIntSerializer
from bitcoin.messages import (MsgSerializable, msg_getdata, msg_getheaders, msg_ping, msg_pong,
                              msg_tx, msg_verack, msg_version)
from bitcoin.net import CInv

from net_node import Node, wait_for
from net_peer import TRUE_ADDRESS

bitcoin.SelectParams("regtest")

TRUE_SCRIPT = CScript([1])


def read_headers(payload):
    """The library's own msg_headers knows nothing of the zero behind each header."""
    headers = []
    for _ in range(VarIntSerializer.stream_deserialize(payload)):
        headers.append(CBlockHeader.stream_deserialize(payload))
        assert payload.read(1) == b"\0", "transactions among headers"
    return headers


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.stream = self.socket.makefile("rb")
        self.headers = []
        self.blocks = {}

    def send(self, message):
        self.socket.sendall(message.to_bytes())

    def read(self, wanted, seconds=30):
        """Answers pings and skips what its library does not know, until `wanted` comes."""
        self.socket.settimeout(seconds)
        while True:
            header = self.stream.read(24)
            assert len(header) == 24, "the node has closed the connection"
            length = struct.unpack("<I", header[16:20])[0]
            payload = self.stream.read(length)
            command = header[4:16].rstrip(b"\0")
            if command == b"ping":
                answer = msg_pong()
                answer.nonce = struct.unpack("<Q", payload)[0]
                self.send(answer)
            if command != wanted:
                continue
            if command == b"headers":
                return read_headers(io.BytesIO(payload))
            return MsgSerializable.stream_deserialize(io.BytesIO(header + payload))

    def shake_hands(self):
        version = msg_version()
        version.nVersion = 70015
        version.nServices = 1
        version.addrTo.ip = version.addrFrom.ip = "127.0.0.1"
        self.send(version)
        theirs = self.read(b"version")
        self.send(msg_verack())
        self.read(b"verack")
        return theirs


def main(program):
    with Node(program) as node:
        made = node.mine(120, TRUE_ADDRESS)
        peer = Peer(node.port)
        theirs = peer.shake_hands()
        assert theirs.nVersion >= 70016 and theirs.nServices & 9 == 9, theirs
        assert theirs.nStartingHeight == 120 and b"ForthCoin" in theirs.strSubVer, theirs

        ask = msg_getheaders()
        ask.locator.nVersion = 70015
        ask.locator.vHave = [lx("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")]
        peer.send(ask)
        headers = []
        while len(headers) < 120:
            headers = peer.read(b"headers")
        assert [b2lx(header.GetHash()) for header in headers] == made, "other headers"

        ask = msg_getdata()
        for hash_ in made[:20]:
            item = CInv()
            item.type, item.hash = 2, lx(hash_)
            ask.inv.append(item)
        peer.send(ask)
        blocks = [peer.read(b"block").block for _ in range(20)]
        assert [b2lx(block.GetHash()) for block in blocks] == made[:20], "other blocks"

        coinbase = blocks[0].vtx[0]
        tx = CMutableTransaction(
            [CMutableTxIn(COutPoint(coinbase.GetTxid(), 0), nSequence=0xfffffffd)],
            [CMutableTxOut(coinbase.vout[0].nValue - 2000, coinbase.vout[0].scriptPubKey)])
        tx.wit = CTxWitness([CTxInWitness(CScriptWitness([bytes(TRUE_SCRIPT)]))])
        send = msg_tx()
        send.tx = tx
        peer.send(send)
        txid = b2lx(tx.GetTxid())
        wait_for("its transaction in our pool", lambda: txid in node.rpc("getrawmempool"), 30)

        # A ping proves that the conversation goes on.
        ping = msg_ping()
        ping.nonce = 77
        peer.send(ping)
        assert peer.read(b"pong").nonce == 77
        node.mine(1)
        assert node.rpc("getrawmempool") == []
        info = wait_for("us among its peers", lambda: node.rpc("getpeerinfo"), 10)[0]
        assert info["inbound"] and info["banscore"] == 0, info
        print(f"python-bitcoinlib: {len(headers)} headers, {len(blocks)} blocks, transaction {txid}")


main(sys.argv[1])
