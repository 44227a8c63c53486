"""Runs the services of docker-compose.yml without an engine: each in a network namespace of its own
behind one bridge, under its service's name in /etc/hosts, with the Dockerfile's environment and
health check and the exact command line; the explorer is Debian's nginx in node3's namespace, as the
file says. Arguments: the compose file, the Dockerfile, the node's program, an address to mine to.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import yaml
from dockerfile_parse import DockerfileParser

compose, dockerfile, program, address = sys.argv[1], sys.argv[2], os.path.realpath(sys.argv[3]), sys.argv[4]
services = yaml.safe_load(open(compose))["services"]
image = DockerfileParser(path=dockerfile)
mark = f"fc{os.getpid()}"
work = tempfile.mkdtemp(prefix="forthcoin-compose.")
running, spaces = [], []


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more)


def inside(name):
    return ["ip", "netns", "exec", f"{mark}-{name}"]


def wait(seconds, what, ready):
    until = time.monotonic() + seconds
    while not (said := ready()):
        assert time.monotonic() < until, f"{what} did not come in {seconds} s"
        time.sleep(0.2)
    return said


def network(names):
    run("ip", "netns", "add", f"{mark}-net")
    spaces.append(f"{mark}-net")
    run("ip", "-n", f"{mark}-net", "link", "add", "bridge", "type", "bridge")
    run("ip", "-n", f"{mark}-net", "link", "set", "bridge", "up")
    hosts = "127.0.0.1 localhost\n" + "".join(f"10.88.0.{n} {name}\n" for n, name in enumerate(names, 1))
    for number, name in enumerate(names, 1):
        space = f"{mark}-{name}"
        run("ip", "netns", "add", space)
        spaces.append(space)
        run("ip", "-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", f"{mark}-net")
        run("ip", "-n", f"{mark}-net", "link", "set", name, "master", "bridge", "up")
        run("ip", "-n", space, "addr", "add", f"10.88.0.{number}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", space, "link", "set", "lo", "up")
        # `ip netns exec` puts this over /etc/hosts.
        os.makedirs(f"/etc/netns/{space}")
        with open(f"/etc/netns/{space}/hosts", "w") as file:
            file.write(hosts)


def environment(name):
    """What the container would have: the image's, then the service's; /data is a folder of ours."""
    made = {"PATH": f"{work}/bin:" + os.environ["PATH"]} | image.envs
    for key, value in services[name].get("environment", {}).items():
        made[key] = value.replace("${MINE:-}", address)
    made["FORTHCOIN_DATADIR"] = f"{work}/{name}"
    return made


def start(name):
    os.mkdir(f"{work}/{name}")
    line = ["forthcoin"] + shlex.split(services[name]["command"])
    log = open(f"{work}/{name}.log", "w")
    running.append(
        subprocess.Popen(inside(name) + line, env=environment(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    )


def health(name):
    [step] = [step for step in image.structure if step["instruction"] == "HEALTHCHECK"]
    command = json.loads(step["value"][step["value"].index("CMD") + 3 :])
    return subprocess.run(inside(name) + command, env=environment(name), capture_output=True, text=True)


def height(name):
    said = subprocess.run(
        inside(name) + ["forthcoin", "testnet", "-e", "init-storage get-height . bye"],
        env=environment(name), capture_output=True, text=True,
    )
    return int(said.stdout) if said.returncode == 0 else 0


def nginx(name):
    conf = os.path.join(os.path.dirname(os.path.realpath(compose)), "nginx/explorer.conf")
    with open(f"{work}/nginx.conf", "w") as file:
        file.write(f"daemon off; pid {work}/nginx.pid; events {{}} http {{ access_log off; include {conf}; }}")
    words = inside(name) + ["nginx", "-e", f"{work}/nginx.log", "-p", work, "-c", f"{work}/nginx.conf"]
    running.append(subprocess.Popen(words, stdin=subprocess.DEVNULL))


def ask(name, url, *more):
    said = run(*inside(name), "curl", "-s", "-m", "5", "-o", f"{work}/body", "-w", "%{http_code}", *more, url)
    return int(said.stdout), open(f"{work}/body", errors="replace").read()


def websocket(name, host, port):
    """One call over a WebSocket, from another container."""
    script = (
        "import asyncio, sys, websockets\n"
        "async def go():\n"
        f"    async with websockets.connect('ws://{host}:{port}/', origin='http://{host}:{port}') as s:\n"
        "        await s.send('{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getblockcount\",\"params\":[]}')\n"
        "        print(await s.recv())\n"
        "asyncio.run(go())\n"
    )
    return json.loads(run(*inside(name), sys.executable, "-c", script).stdout)


def main():
    nodes = [name for name in services if services[name]["image"].startswith("forthcoin:")]
    os.mkdir(f"{work}/bin")
    os.symlink(program, f"{work}/bin/forthcoin")
    network(nodes)
    for name in nodes:
        start(name)
    for name in nodes:
        # Before the node has the folder, a console would take it.
        wait(60, f"{name}'s socket", lambda: os.path.exists(f"{work}/{name}/testnet/control.sock"))
        wait(60, f"{name}'s health", lambda: health(name).returncode == 0)
        # A folder alone is well too.
        assert running[nodes.index(name)].poll() is None, f"{name} has ended"
        print(f"{name}: `{services[name]['command']}` runs and its health check says yes")
    mines = "--mine" in run(program, "--help").stdout
    if mines:
        wait(120, "a block of node1", lambda: height("node1") > 0)
        for name in nodes[1:]:
            wait(60, f"node1's blocks on {name}", lambda: height(name) > 0)
        print(f"node1 mines, the others follow: {[height(name) for name in nodes]}")
    nginx(services["explorer"]["network_mode"].removeprefix("service:"))
    front = "http://10.88.0.3:8080"
    wait(30, "the explorer", lambda: ask("node2", front + "/explorer/")[0] == 200)
    assert "<html" in ask("node2", front + "/explorer/")[1].lower()
    assert websocket("node2", "10.88.0.3", 8080)["result"] >= (1 if mines else 0)
    assert ask("node2", front + "/", "-X", "POST", "-d", "{}")[0] == 403
    assert ask("node2", front + "/metrics")[0] == 404
    # The node's own port is on node3's loopback alone.
    closed = subprocess.run(inside("node2") + ["curl", "-s", "-m", "2", "http://10.88.0.3:8765/health"])
    assert closed.returncode == 7, closed.returncode
    print("explorer on 8080: page and WebSocket from another machine; no POST, no metrics, no way past it")
    for process in running[: len(nodes)]:
        process.send_signal(signal.SIGTERM)
    for name, process in zip(nodes, running):
        assert process.wait(30) == 0, f"{name} did not stop in order"


try:
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        print("NOT RUN: no network namespaces here, so the services were not started")
    else:
        main()
except BaseException:
    for log in sorted(os.listdir(work)):
        if log.endswith(".log"):
            print(f"== {log}\n" + "".join(open(f"{work}/{log}").readlines()[-8:]), file=sys.stderr)
    raise
finally:
    for process in running:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
    for space in spaces:
        subprocess.run(["ip", "netns", "del", space])
        shutil.rmtree(f"/etc/netns/{space}", ignore_errors=True)
    shutil.rmtree(work)
