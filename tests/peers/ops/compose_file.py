"""What the schema can't say of the compose file and the Dockerfile: $1 and $2."""

import sys

import yaml
from dockerfile_parse import DockerfileParser

services = yaml.safe_load(open(sys.argv[1]))["services"]
wanted = {
    "node1": "testnet",
    "node2": "testnet --peer=node1:8333",
    "node3": "testnet --peer=node1:8333 --websocket",
}
for name, line in wanted.items():
    assert services[name]["command"] == line, (name, services[name]["command"])
    assert services[name]["volumes"] == [f"{name}:/data"]
explorer = services["explorer"]
assert explorer["image"].startswith("nginx:") and explorer["network_mode"] == "service:node3"
assert "8080:8080" in services["node3"]["ports"]

steps = DockerfileParser(path=sys.argv[2]).structure
kinds = [step["instruction"] for step in steps]
assert kinds.count("FROM") == 2, "built in one stage, run from another"
last = len(kinds) - 1 - kinds[::-1].index("FROM")
run = {step["instruction"]: step["value"] for step in steps[last:]}
assert run["USER"] == "forthcoin" and "HEALTHCHECK" in run, run
assert run["ENTRYPOINT"] == '["forthcoin"]' and "--from=build" in run["COPY"]
print("ok -- command lines, volumes, stages, user and health check")
