"""Sockets that mean harm, against a real process: bounded, noted once, dropped, and the node's
one-liner answers in its usual time."""

import os
import statistics
import sys
import time

from net_node import Node, wait_for
from net_peer import MAGIC, call, frame, shaken, version

def is_closed(peer, seconds):
    """True once the node has hung up."""
    peer.settimeout(seconds)
    try:
        while peer.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def usual_ms(node, count=7):
    times = []
    for _ in range(count):
        started = time.monotonic()
        assert node.words("get-height .").split()[0].isdigit()
        times.append((time.monotonic() - started) * 1000)
    return statistics.median(times)


def sends(port, *chunks, hands=False):
    """Sends something and wants the node to hang up."""
    peer = shaken(port) if hands else call(port)
    try:
        for chunk in chunks:
            peer.sendall(chunk)
    except ConnectionError:
        return True
    return is_closed(peer, 20)


def main(program):
    with Node(program) as node:
        node.mine(10)
        port = node.port
        before, memory = usual_ms(node), node.rss_kib()

        assert sends(port, frame(b"version", version(), magic=b"\xf9\xbe\xb4\xd9")), "magic"
        assert sends(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP"
        assert sends(port, frame(b"version", version(), checksum=b"abcd")), "checksum"
        assert sends(port, frame(b"version", version(), length=0xffffffff)), "length"
        assert sends(port, frame(b"ping", bytes(8), length=10_000_000), hands=True), "long ping"
        assert sends(port, frame(b"inv", b"\xfe\xff\xff\xff\xff"), *[
            frame(b"inv", b"\xfe\xff\xff\xff\xff")] * 9, hands=True), "a count that lies"
        assert sends(port, frame(b"getaddr")), "a message before the handshake"
        assert sends(port, MAGIC + os.urandom(10_000_000)), "10 MB of garbage"
        assert sends(port, os.urandom(10_000_000)), "10 MB of plain garbage"
        assert sends(port, frame(b"no\x01text", b""), hands=True), "a command that is no text"

        # An unknown command is read over; the connection stays.
        peer = shaken(port)
        peer.sendall(frame(b"whatisthis", b"x" * 1000) * 50 + frame(b"ping", b"12345678"))
        seen = b""
        while b"pong" not in seen:
            seen += peer.recv(65536)
        peer.close()

        # Half-open ones, and messages that never end.
        half = [call(port) for _ in range(50)]
        slow = [shaken(port) for _ in range(10)]
        for peer in slow:
            peer.sendall(frame(b"block", b"", length=3_000_000, checksum=b"abcd") + b"x")

        def wriggle():
            for peer in slow:
                try:
                    peer.sendall(b"x")
                except OSError:
                    pass
        wriggle()
        during = usual_ms(node)

        # A thousand at once; some are let in, all others are closed.
        many = []
        for _ in range(1000):
            try:
                many.append(call(port))
            except OSError:
                pass
        flooded = usual_ms(node)
        count = len(node.rpc("getpeerinfo"))
        assert count <= 117 + 16, f"{count} peers are let in"
        for peer in many:
            peer.close()
        # After a minute half-open and slow ones are gone, whatever they drip.
        deadline = time.monotonic() + 150
        while len(node.rpc("getpeerinfo")) > 0 and time.monotonic() < deadline:
            wriggle()
            time.sleep(1)
        left = node.rpc("getpeerinfo")
        assert not left, f"still here: {[p['addr'] for p in left]}"
        assert all(is_closed(peer, 5) for peer in half + slow)

        after, now = usual_ms(node), node.rss_kib()
        lines = node.said().count("\n")
        assert lines < 100, f"{lines} lines of log"
        assert now - memory < 64 * 1024, f"{memory} KiB, then {now} KiB"
        # Starting a process on a busy machine varies; a node that hangs would be seconds late.
        for name, value in (("slow peers", during), ("1,000 connections", flooded), ("all", after)):
            assert value < 3 * before + 50, f"one-liner {before:.1f} ms, {value:.1f} with {name}"
        good = shaken(port)
        good.sendall(frame(b"ping", b"12345678"))
        wait_for("the node goes on", lambda: b"pong" in good.recv(65536), 10)
        print(f"hostile sockets: one-liner {before:.1f} ms, {during:.1f} with slow peers, "
              f"{flooded:.1f} under 1,000 connections, {after:.1f} after; {lines} lines of log, "
              f"{memory} KiB then {now} KiB")


main(sys.argv[1])
