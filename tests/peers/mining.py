"""Mining, held against programs written from the specifications alone.

    mining.py chain BINARY FOLDER BLOCKS   the standing miner makes blocks with transactions; Bitcoin
                                           Core's engine (py-bitcoinkernel) takes every one
    mining.py template BINARY FOLDER       a miner by getblocktemplate (BIP22, BIP23, BIP141, BIP145)
    mining.py stratum BINARY FOLDER        miners by Stratum v1, good and bad

Everything runs on regtest over loopback and a node of its own in FOLDER.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

LIMIT = 120


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def compact(number):
    if number < 0xFD:
        return bytes([number])
    if number <= 0xFFFF:
        return b"\xfd" + struct.pack("<H", number)
    return b"\xfe" + struct.pack("<I", number)


def merkle(leaves):
    level = list(leaves)
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [sha256d(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32(program):
    """A version 0 address of regtest (BIP173)."""

    def polymod(values):
        chk = 1
        for value in values:
            top, chk = chk >> 25, (chk & 0x1FFFFFF) << 5 ^ value
            for i, factor in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                chk ^= factor if top >> i & 1 else 0
        return chk

    bits, count, data = 0, 0, [0]
    for byte in program:
        bits, count = bits << 8 | byte, count + 8
        while count >= 5:
            count -= 5
            data.append(bits >> count & 31)
    if count:
        data.append(bits << 5 - count & 31)
    hrp = [ord(c) >> 5 for c in "bcrt"] + [0] + [ord(c) & 31 for c in "bcrt"]
    check = polymod(hrp + data + [0] * 6) ^ 1
    return "bcrt1" + "".join(CHARSET[d] for d in data + [check >> 5 * (5 - i) & 31 for i in range(6)])


# Anybody can spend a P2WSH output of OP_TRUE, and the pool takes such spends: no keys are needed.
ANYONE = bytes([0, 32]) + hashlib.sha256(b"\x51").digest()
ADDRESS = bech32(hashlib.sha256(b"\x51").digest())


class Tx:
    """A transaction that spends ANYONE outputs to others of the kind."""

    def __init__(self, inputs, values, pad=0):
        body = compact(len(inputs))
        for txid, vout in inputs:
            body += bytes.fromhex(txid)[::-1] + struct.pack("<I", vout) + b"\x00" + b"\xff" * 4
        outputs = [(value, ANYONE) for value in values]
        if pad:
            outputs.append((0, b"\x6a" + bytes([pad]) + b"\x07" * pad))
        body += compact(len(outputs))
        for value, script in outputs:
            body += struct.pack("<q", value) + compact(len(script)) + script
        base = struct.pack("<i", 2) + body + b"\x00" * 4
        self.txid = sha256d(base)[::-1].hex()
        witness = b"\x01\x01\x51" * len(inputs)
        self.hex = (struct.pack("<i", 2) + b"\x00\x01" + body + witness + b"\x00" * 4).hex()


class Refused(Exception):
    pass


class Node:
    """A node of ours, asked over its control socket."""

    def __init__(self, binary, folder, *arguments):
        self.path = os.path.join(folder, "regtest", "control.sock")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FORTHCOIN_")}
        self.process = subprocess.Popen(
            [binary, "regtest", "--datadir", folder, "--listen", "none", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment, text=True,
        )
        self.log = []
        threading.Thread(target=self.read_log, daemon=True).start()
        self.connection = self.connect()

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def connect(self):
        end = time.monotonic() + LIMIT
        while True:
            try:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(self.path)
                return connection.makefile("rw")
            except OSError:
                assert self.process.poll() is None, "".join(self.log)
                assert time.monotonic() < end, "the node does not start"
                time.sleep(0.02)

    def ask(self, method, *params, on=None):
        on = on or self.connection
        on.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n")
        on.flush()
        reply = json.loads(on.readline())
        if "error" in reply:
            raise Refused(reply["error"]["code"], reply["error"]["message"])
        return reply["result"]

    def refusal(self, method, *params):
        try:
            self.ask(method, *params)
        except Refused as refused:
            return refused.args
        raise AssertionError(f"{method} {params} is not refused")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LIMIT) == 0, "".join(self.log)


@contextlib.contextmanager
def node(binary, folder, *arguments):
    running = Node(binary, folder, *arguments)
    try:
        yield running
        running.stop()
    finally:
        running.process.kill()
        running.process.wait()


def until(what, happened):
    end = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def chain(binary, folder, blocks):
    from kernel_chain import Kernel

    began = time.monotonic()
    with node(binary, folder, "--websocket=127.0.0.1:0") as ours:
        code, message = ours.refusal("startmining", 1)
        assert "set-mining-address" in message, message
        code, message = ours.refusal("setminingaddress", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
        assert "regtest" in message, message
        ours.ask("setminingaddress", ADDRESS)
        ours.ask("startmining", 2, blocks)
        # While it mines: fan out each coin that matures, and spend what came of it again and again.
        height, coins, sent = 0, [], 0
        while True:
            status = ours.ask("getminingstatus")
            now = ours.ask("getblockcount")
            for mature in range(height + 1, now - 99):
                block = ours.ask("getblock", mature, 2)
                if mature % 16 == 1 and len(coins) < 400:
                    paid = block["tx"][0]["vout"][0]["value"]
                    value = round(float(paid) * 1e8)
                    each = (value - 10_000) // 20
                    tx = Tx([(block["tx"][0]["txid"], 0)], [each] * 20)
                    try:
                        ours.ask("sendrawtransaction", tx.hex)
                    except Refused as refused:
                        raise AssertionError(refused) from None
                    coins += [(tx.txid, vout, each, 0) for vout in range(20)]
                    sent += 1
            height = max(height, now - 100)
            for _ in range(min(len(coins), 20)):
                txid, vout, value, depth = coins.pop(0)
                if value < 200_000:
                    continue
                tx = Tx([(txid, vout)], [value - 1_000 - 100 * (sent % 7)], pad=sent % 70)
                try:
                    ours.ask("sendrawtransaction", tx.hex)
                    sent += 1
                    coins.append((tx.txid, 0, value - 1_000 - 100 * ((sent - 1) % 7), depth + 1))
                except Refused as refused:
                    # Too long a chain of unconfirmed ones: later.
                    assert "too-long" in refused.args[1], refused
                    coins.append((txid, vout, value, depth))
            if status["state"] == "off":
                break
        port = ours.ask("getserverinfo")["address"]
        with urllib.request.urlopen(f"http://{port}/metrics", timeout=LIMIT) as page:
            metrics = page.read().decode()
        assert "\nforthcoin_hashrate " in metrics and "\nforthcoin_network_hashrate " in metrics
        status = ours.ask("getminingstatus")
        assert status["blocks_found"] == blocks and status["refused"] == 0, status
        assert ours.ask("getblockcount") == blocks
        mined = time.monotonic() - began
        kernel = Kernel(os.path.join(folder, "kernel"))
        began = time.monotonic()
        transactions = full = 0
        for height in range(1, blocks + 1):
            raw = bytes.fromhex(ours.ask("getblock", height, 0))
            ok, why = kernel.process(raw)
            assert ok, (height, why)
            count = raw[80] if raw[80] < 0xFD else struct.unpack("<H", raw[81:83])[0]
            transactions += count - 1
            full += count > 1
        assert kernel.tip() == (blocks, ours.ask("getbestblockhash"))
        assert transactions > blocks // 4, (transactions, sent)
    print(
        f"Core's engine takes our {blocks} blocks with {transactions} transactions in {full} of them "
        f"(mined in {mined:.1f} s with {status['stale']} stale, checked in "
        f"{time.monotonic() - began:.1f} s)"
    )
    # The engine's threads are not worth waiting for.
    sys.stdout.flush()
    os._exit(0)


def push_height(height):
    if height <= 16:
        return bytes([0x50 + height])
    data = b""
    while height:
        data, height = data + bytes([height & 0xFF]), height >> 8
    if data[-1] & 0x80:
        data += b"\x00"
    return bytes([len(data)]) + data


def build(template, extra):
    """A block of a template, put together as BIP22, BIP34 and BIP141 say; nonce still zero."""
    txs = template["transactions"]
    leaves = [b"\x00" * 32] + [bytes.fromhex(tx["hash"])[::-1] for tx in txs]
    commitment = sha256d(merkle(leaves) + b"\x00" * 32)
    script = b"\x6a\x24\xaa\x21\xa9\xed" + commitment
    assert script.hex() == template["default_witness_commitment"], "the commitment differs"
    signature = push_height(template["height"]) + bytes([len(extra)]) + extra
    body = (
        b"\x01" + b"\x00" * 32 + b"\xff" * 4 + compact(len(signature)) + signature + b"\xff" * 4
        + b"\x02"
        + struct.pack("<q", template["coinbasevalue"]) + compact(len(ANYONE)) + ANYONE
        + struct.pack("<q", 0) + compact(len(script)) + script
    )
    base = struct.pack("<i", 1) + body + b"\x00" * 4
    whole = struct.pack("<i", 1) + b"\x00\x01" + body + b"\x01\x20" + b"\x00" * 36
    root = merkle([sha256d(base)] + [bytes.fromhex(tx["txid"])[::-1] for tx in txs])
    header = (
        struct.pack("<i", template["version"])
        + bytes.fromhex(template["previousblockhash"])[::-1]
        + root
        + struct.pack("<I", template["curtime"])
        + bytes.fromhex(template["bits"])[::-1]
    )
    rest = compact(len(txs) + 1) + whole + b"".join(bytes.fromhex(tx["data"]) for tx in txs)
    return header, rest


def mine(header, target, good=True):
    for nonce in range(1 << 32):
        whole = header + struct.pack("<I", nonce)
        if (int.from_bytes(sha256d(whole), "little") <= target) == good:
            return whole
    raise AssertionError("no nonce")


def template(binary, folder):
    with node(binary, folder) as ours:
        rules = {"rules": ["segwit"]}
        assert ours.refusal("getblocktemplate", {})[0] == -8
        assert ours.refusal("getblocktemplate", {"mode": "nonsense", **rules})[0] == -8
        ours.ask("generatetoaddress", 110, ADDRESS)
        began, coins, carried = time.monotonic(), [], 0
        for round in range(60):
            paid = ours.ask("getblock", round + 1, 2)["tx"][0]
            value = round_value(paid["vout"][0]["value"])
            parent = Tx([(paid["txid"], 0)], [value - 2_000])
            child = Tx([(parent.txid, 0)], [value - 9_000], pad=round)
            for tx in (parent, child):
                ours.ask("sendrawtransaction", tx.hex)
            ours.ask("setmocktime", int(time.time()) + 10 * (round + 1))
            given = ours.ask("getblocktemplate", rules)
            assert [tx["txid"] for tx in given["transactions"]] == [parent.txid, child.txid]
            assert [tx["depends"] for tx in given["transactions"]] == [[], [1]]
            assert sum(tx["weight"] for tx in given["transactions"]) < given["weightlimit"]
            fees = sum(tx["fee"] for tx in given["transactions"])
            assert fees == 9_000 and given["coinbasevalue"] == (50 * 10**8 >> given["height"] // 150) + fees
            target = int(given["target"], 16)
            header, rest = build(given, struct.pack("<I", round))
            # Judged first (BIP23), with no proof of work.
            proposal = {"mode": "proposal", "data": (mine(header, target, False) + rest).hex(), **rules}
            assert ours.ask("getblocktemplate", proposal) is None
            given["coinbasevalue"] += 1
            greedy, greedy_rest = build(given, b"more")
            proposal["data"] = (mine(greedy, target) + greedy_rest).hex()
            assert ours.ask("getblocktemplate", proposal) == "bad-cb-amount"
            # A long poll ends with the block.
            polled, other = [], ours.connect()
            wish = {"longpollid": given["longpollid"], **rules}
            poll = threading.Thread(
                target=lambda: polled.append(ours.ask("getblocktemplate", wish, on=other))
            )
            poll.start()
            block = (mine(header, target) + rest).hex()
            assert ours.ask("submitblock", block) is None
            assert ours.ask("submitblock", block) == "duplicate"
            poll.join(LIMIT)
            assert polled[0]["previousblockhash"] == ours.ask("getbestblockhash") != given[
                "previousblockhash"
            ]
            carried += len(given["transactions"])
        assert ours.ask("getblockcount") == 170
        assert ours.refusal("getblocktemplate", {"longpollid": "nonsense", **rules})
    print(f"60 blocks with {carried} transactions by getblocktemplate, proposals and long polls "
          f"in {time.monotonic() - began:.1f} s")


def round_value(value):
    return round(float(value) * 1e8)


class Stratum:
    """A miner of Stratum v1."""

    def __init__(self, port, name="rig"):
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.file = self.socket.makefile("rw")
        self.job, self.difficulty, self.jobs, self.count = None, None, 0, 0
        answer = self.ask("mining.subscribe", "mining.py")
        assert answer["error"] is None, answer
        _, self.extra, self.extra2_size = answer["result"]
        assert self.ask("mining.authorize", name, "x")["result"] is True
        while self.job is None:
            self.hear()

    def hear(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        line = json.loads(line)
        if line.get("method") == "mining.notify":
            self.job = line["params"]
            self.jobs += 1
        elif line.get("method") == "mining.set_difficulty":
            self.difficulty = line["params"][0]
        return line

    def ask(self, method, *params):
        self.count += 1
        self.file.write(json.dumps({"id": self.count, "method": method, "params": params}) + "\n")
        self.file.flush()
        while True:
            line = self.hear()
            if line.get("id") == self.count:
                return line

    def share(self, extra2, target, good=True):
        """What to submit for a hash that meets the target, or does not."""
        job, prev, before, after, branch, version, bits, when, _ = self.job
        extra2 = extra2.to_bytes(self.extra2_size, "big").hex()
        root = sha256d(bytes.fromhex(before + self.extra + extra2 + after))
        for step in branch:
            root = sha256d(root + bytes.fromhex(step))
        prev = b"".join(bytes.fromhex(prev)[i : i + 4][::-1] for i in range(0, 32, 4))
        turned = lambda text: bytes.fromhex(text)[::-1]
        header = turned(version) + prev + root + turned(when) + turned(bits)
        nonce = struct.unpack("<I", mine(header, target, good)[76:])[0]
        return ["rig", job, extra2, when, f"{nonce:08x}"]

    def network_target(self):
        bits = int(self.job[6], 16)
        return (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def stratum(binary, folder):
    port = free_port()
    arguments = ("--mine", ADDRESS, "--mine-threads", "0", f"--stratum=127.0.0.1:{port}")
    with node(binary, folder, *arguments) as ours:
        began = time.monotonic()
        miners = [Stratum(port, f"rig {i}") for i in range(3)]
        assert len({miner.extra for miner in miners}) == 3
        height = accepted = 0
        for round in range(60):
            miner, other = miners[round % 3], miners[(round + 1) % 3]
            jobs = [m.jobs for m in miners]
            share = miner.share(round, miner.network_target())
            # Another miner's share for the same block comes too late.
            late = other.share(round, other.network_target())
            answer = miner.ask("mining.submit", *share)
            assert answer["result"] is True, answer
            accepted += 1
            height += 1
            until("the block", lambda: ours.ask("getblockcount") == height)
            for known, m in zip(jobs, miners):
                while m.jobs == known:
                    m.hear()
                assert m.job[8] is True, "old work is to be dropped"
            assert other.ask("mining.submit", *late)["error"][0] == 21
            assert miner.ask("mining.submit", *share)["error"][0] == 21
        # Shares that are no block, twice and too poor.
        miner = miners[0]
        assert miner.difficulty == 2**-32
        share = miner.share(1000, miner.network_target(), good=False)
        first = miner.ask("mining.submit", *share)
        if first["error"] is None:
            accepted += 1
            assert miner.ask("mining.submit", *share)["error"][0] == 22
        block = ours.ask("getblock", height, 2)
        assert block["tx"][0]["vout"][0]["scriptPubKey"]["address"] == ADDRESS
        # A miner that goes in the middle of a line, one that floods, one that talks nonsense.
        gone = Stratum(port)
        gone.socket.sendall(b'{"id": 9, "method": "mining.sub')
        # The socket stays open for as long as its file does.
        gone.file.close()
        gone.socket.close()
        flood = Stratum(port)
        with contextlib.suppress(EOFError, OSError):
            for _ in range(20):
                flood.socket.sendall(b'{"id":1,"method":"mining.extranonce.subscribe","params":[]}\n' * 500)
            while True:
                flood.hear()
        with socket.create_connection(("127.0.0.1", port), LIMIT) as nonsense:
            nonsense.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert nonsense.recv(100) == b""
        until("three miners", lambda: ours.ask("getminingstatus")["stratum"]["miners"] == 3)
        share = miner.share(2000, miner.network_target())
        assert miner.ask("mining.submit", *share)["result"] is True
        height += 1
        until("the block", lambda: ours.ask("getblockcount") == height)
        status = ours.ask("getminingstatus")
        assert status["blocks_found"] == height and status["stratum"]["stale"] >= 120, status
        assert status["threads"] == 0 and status["hashes"] == 0
    print(f"{height} blocks by 3 Stratum miners in {time.monotonic() - began:.1f} s, stale and "
          f"duplicate shares refused, a flood and a broken line survived")


if __name__ == "__main__":
    what, binary, folder, *rest = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    {"chain": chain, "template": template, "stratum": stratum}[what](binary, folder, *map(int, rest))
