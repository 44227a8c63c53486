#!/usr/bin/env python3
"""The network's speed, with processes on loopback, each figure beside what it should be compared to:
a full sync from one node and from two beside import-blocks of the same chain, a block's way over ten
nodes in a line, a transaction's through a mesh, compact blocks that needed no question, memory of a
peer.
    benches/net.py target/release/forthcoin [--blocks=50000] [--runs=3]"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/peers"))
sys.dont_write_bytecode = True

from net_node import Node, wait_for  # noqa: E402
from net_peer import TRUE_ADDRESS, shaken, spend  # noqa: E402


def timed(act):
    started = time.monotonic()
    act()
    return time.monotonic() - started


def sync(program, blocks, runs):
    work = tempfile.mkdtemp(prefix="forthcoin-bench-")
    first = Node(program, folder=os.path.join(work, "first"))
    try:
        # Each block is dated after the median of eleven: so many lead hours ahead of a clock that
        # stands, which goes on here as if a block took a second.
        began = int(time.time()) - blocks
        for mined in range(0, blocks, 10_000):
            first.rpc("setmocktime", began + mined)
            first.mine(min(10_000, blocks - mined))
        first.rpc("setmocktime", 0)
        tip = first.tip()
        file = os.path.join(work, "blocks")
        first.words(f"export-blocks {file}")
        first.stop()
        shutil.copytree(first.folder, os.path.join(work, "second"),
                        ignore=shutil.ignore_patterns("*.sock", "holder", "peers.txt"))
        first.start()
        second = Node(program, folder=os.path.join(work, "second"))
        took = {"import-blocks": [], "from one node": [], "from two nodes": []}
        for run in range(runs):
            folder = os.path.join(work, f"import-{run}")
            took["import-blocks"].append(timed(lambda: subprocess.run(
                [program, "regtest", "--datadir", folder, "-e",
                 f"init-storage import-blocks {file} bye"], check=True, capture_output=True)))
            shutil.rmtree(folder)
            for name, peers in (("from one node", [first]), ("from two nodes", [first, second])):
                options = [f"--peer=127.0.0.1:{peer.port}" for peer in peers]
                with Node(program, *options) as fresh:
                    took[name].append(timed(lambda: wait_for(
                        "the whole chain", lambda: fresh.tip() == tip, 900, 0.02)))
        second.stop()
    finally:
        first.stop()
        shutil.rmtree(work, ignore_errors=True)
    base = statistics.median(took["import-blocks"])
    for name, times in took.items():
        middle = statistics.median(times)
        print(f"{name:15} {middle:7.2f} s  {blocks / middle:8.0f} blocks/s  {middle / base:.2f}")


def line(program, runs):
    """A block's way from the first to the last of ten nodes that each know two others at most."""
    nodes = []
    try:
        for number in range(10):
            peer = [f"--peer={nodes[-1].host}:{nodes[-1].port}"] if nodes else []
            nodes.append(Node(program, *peer, host=f"127.0.1.{number + 1}"))
            # Gossip would make the line a mesh; who is named on the command line may be banned.
            nodes[-1].rpc("setban", "127.0.1.0/24", "add")
        nodes[0].mine(20)
        last = nodes[-1]
        wait_for("one tip", lambda: last.tip() == nodes[0].tip(), 90)
        took = []
        for _ in range(runs * 10):
            tip = nodes[0].mine(1)[-1]
            took.append(timed(lambda: wait_for("a block", lambda: last.tip() == tip, 60, 0.001)))
        counts = [node.rpc("getconnectioncount") for node in nodes]
        assert max(counts) == 2, f"it is no line: {counts} connections"
        print(f"ten nodes in a line: a block is at the last after "
              f"{statistics.median(took) * 1000:.0f} ms, at most {max(took) * 1000:.0f} ms")
    finally:
        for node in nodes:
            node.close()


def mesh(program, runs):
    """Transactions until all ten nodes have them, and blocks made of them."""
    nodes = [Node(program)]
    try:
        nodes += [Node(program, f"--peer=127.0.0.1:{nodes[0].port}") for _ in range(9)]
        nodes[0].mine(100 + 5 * runs, TRUE_ADDRESS)
        wait_for("one tip", lambda: len({node.tip() for node in nodes}) == 1, 90)
        wait_for("a mesh", lambda: all(n.rpc("getconnectioncount") >= 3 for n in nodes), 180)
        before = [node.rpc("getnettotals") for node in nodes]
        took, height = [], 0
        for _ in range(runs):
            for node in nodes[:5]:
                height += 1
                txid = spend(node, height)
                took.append(timed(lambda: wait_for("a transaction", lambda: all(
                    txid in other.rpc("getrawmempool") for other in nodes), 120, 0.02)))
            tip = nodes[-1].mine(1)[-1]
            wait_for("a block", lambda: all(node.tip() == tip for node in nodes), 60)
        after = [node.rpc("getnettotals") for node in nodes]
        grown = {name: sum(new[name] - old[name] for old, new in zip(before, after))
                 for name in ("compactblocks", "compacthits")}
        print(f"ten nodes in a mesh: a transaction is at all after {statistics.median(took):.1f} s, "
              f"at most {max(took):.1f} s; {grown['compacthits']} of {grown['compactblocks']} "
              f"compact blocks of five transactions needed no question")
    finally:
        for node in nodes:
            node.close()


def idle(program, count=100):
    with Node(program) as node:
        before = node.rss_kib()
        peers = [shaken(node.port) for _ in range(count)]
        wait_for("peers", lambda: node.rpc("getconnectioncount") == count)
        time.sleep(2)
        print(f"an idle peer takes {(node.rss_kib() - before) / count:.0f} KiB "
              f"({count} of them, {before} KiB before)")
        for peer in peers:
            peer.close()


def main():
    program = sys.argv[1]
    options = dict(option.lstrip("-").split("=") for option in sys.argv[2:])
    runs = int(options.get("runs", 3))
    idle(program)
    line(program, runs)
    mesh(program, runs)
    sync(program, int(options.get("blocks", 50_000)), runs)


if __name__ == "__main__":
    main()
