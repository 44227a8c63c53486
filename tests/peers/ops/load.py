"""Constant load through a balancer until a file appears: WebSockets that each ask and wait for the
answer, and HTTP requests on new connections. Arguments: HOST:PORT, how many sockets, the file.
Prints one line of JSON: how many were asked, answered, sent again, failed.

A request has failed when its answer is missing, late, an error or another's. A node that stops
closes its sockets with code 1001 after the answers to all that it read, so a client connects anew and
sends again what has no answer; that is counted, and is no failure unless it takes over ten seconds.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request

import websockets

address, clients, stop = sys.argv[1], int(sys.argv[2]), sys.argv[3]
LATE_S = 10
count = {"asked": 0, "answered": 0, "again": 0, "failed": 0, "sockets": 0, "http": 0, "longest_ms": 0}
heights = []
reasons = []


def failed(why):
    count["failed"] += 1
    reasons.append(why)


def answered(began):
    count["answered"] += 1
    count["longest_ms"] = max(count["longest_ms"], round((time.monotonic() - began) * 1000))


async def connect():
    began = time.monotonic()
    while True:
        try:
            socket = await websockets.connect(f"ws://{address}/", open_timeout=LATE_S)
            count["sockets"] += 1
            return socket
        except (OSError, websockets.WebSocketException, asyncio.TimeoutError) as error:
            if time.monotonic() - began > LATE_S:
                failed(f"no connection: {error!r}")
                return None
            await asyncio.sleep(0.05)


async def client(number):
    socket, serial, height = None, 0, 0
    while not os.path.exists(stop):
        serial += 1
        name = f"{number}-{serial}"
        began = time.monotonic()
        count["asked"] += 1
        while True:
            socket = socket or await connect()
            if socket is None:
                break
            try:
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": name, "method": "getblockcount", "params": []}))
                said = json.loads(await asyncio.wait_for(socket.recv(), LATE_S))
            except (websockets.ConnectionClosed, OSError):
                socket = None
                count["again"] += 1
                if time.monotonic() - began > LATE_S:
                    failed(f"{name} was sent again for too long")
                    break
                continue
            except asyncio.TimeoutError:
                failed(f"{name} has no answer")
                socket = None
                break
            if said.get("id") != name or not isinstance(said.get("result"), int):
                failed(f"{name}: {said}")
            elif said["result"] + 3 < height:
                failed(f"{name}: height {said['result']} after {height}")
            else:
                height = max(height, said["result"])
                heights.append(height)
                answered(began)
            break
        await asyncio.sleep(0.01)
    if socket:
        await socket.close()


def post():
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "getbestblockhash", "params": []}).encode()
    request = urllib.request.Request(f"http://{address}/", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LATE_S) as answer:
        return json.load(answer)


async def poster():
    while not os.path.exists(stop):
        began = time.monotonic()
        count["asked"] += 1
        count["http"] += 1
        try:
            said = await asyncio.to_thread(post)
            answered(began) if len(said.get("result", "")) == 64 else failed(str(said))
        except (OSError, ValueError) as error:
            failed(f"HTTP: {error!r}")
        await asyncio.sleep(0.02)


async def main():
    await asyncio.gather(poster(), poster(), *(client(number) for number in range(clients)))
    print(json.dumps(count | {"heights": [min(heights), max(heights)], "reasons": reasons[:10]}))


asyncio.run(main())
