"""Ten nodes of ours on loopback: a mesh from one seed peer, a partition, one tip. With --churn=S
five nodes come and go for so many seconds, and memory must not grow."""

import contextlib
import random
import sys
import time

from net_node import Node, Refused, wait_for


def one_tip(nodes, seconds=90):
    wait_for("one tip", lambda: len({node.tip() for node in nodes}) == 1, seconds)
    return nodes[0].tip()


def mesh(program):
    seed = Node(program)
    nodes = [seed]
    try:
        for _ in range(9):
            nodes.append(Node(program, f"--peer=127.0.0.1:{seed.port}"))
        seed.mine(5)
        one_tip(nodes)
        # From one seed peer they learn of each other and connect by themselves.
        wait_for("a mesh", lambda: all(node.rpc("getconnectioncount") >= 3 for node in nodes), 180)
        links = sum(node.rpc("getconnectioncount") for node in nodes) // 2
        for number, node in enumerate(nodes):
            node.mine(1)
            one_tip(nodes)

        # Two halves that don't hear each other.
        halves = nodes[:5], nodes[5:]
        for node in nodes:
            node.rpc("setnetworkactive", False)
        wait_for("no connections", lambda: all(n.rpc("getconnectioncount") == 0 for n in nodes))
        low = halves[0][0].mine(3)[-1]
        high = halves[1][0].mine(5)[-1]
        assert low != high
        for node in nodes:
            node.rpc("setnetworkactive", True)
        assert one_tip(nodes, 180) == high
        print(f"ten nodes: {links} connections from one seed peer, one tip after a partition")
    finally:
        for node in nodes:
            node.close()


def churn(program, seconds):
    chance = random.Random(5)
    seed = Node(program)
    nodes = [seed] + [Node(program, f"--peer=127.0.0.1:{seed.port}") for _ in range(4)]
    try:
        seed.mine(20)
        one_tip(nodes)
        started, samples, restarts = time.monotonic(), [], 0
        # The first third is for what a node fills once: caches, tables, allocators.
        while time.monotonic() < started + seconds:
            chance.choice(nodes).mine(1)
            one_tip(nodes)
            act = chance.randrange(3)
            if act == 0:
                node = chance.choice(nodes[1:4])
                node.stop(kill=chance.random() < 0.5)
                node.start()
                restarts += 1
            elif act == 1:
                node = chance.choice(nodes)
                for peer in node.rpc("getpeerinfo"):
                    # It may have gone by itself since it was listed.
                    with contextlib.suppress(Refused):
                        node.rpc("disconnectnode", str(peer["id"]))
            # The first and the last run on throughout.
            samples.append((time.monotonic() - started, seed.rss_kib(), nodes[4].rss_kib()))
            time.sleep(0.2)
        one_tip(nodes)
        wait_for("no stuck peer", lambda: all(
            peer["version"] > 0 and peer["synced_blocks"] >= 0
            for node in nodes for peer in node.rpc("getpeerinfo")), 60)
        settled = [s for s in samples if s[0] > seconds / 3]
        middle = len(settled) // 2
        for which, name in ((1, "the seed"), (2, "the last")):
            before = max(s[which] for s in settled[:max(1, middle // 2)])
            after = max(s[which] for s in settled[-max(1, middle // 2):])
            grown = after - before
            print(f"{name}: {before} KiB, then {after} KiB")
            assert grown < 16 * 1024, f"{name} grows: {before} to {after} KiB"
        print(f"five nodes for {seconds} s: {seed.height()} blocks, {restarts} restarts, one tip")
    finally:
        for node in nodes:
            node.close()


for option in sys.argv[2:]:
    if option.startswith("--churn="):
        churn(sys.argv[1], float(option.split("=")[1]))
        break
else:
    mesh(sys.argv[1])
