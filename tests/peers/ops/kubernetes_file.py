"""What the API's schemas can't say: names that must agree, and probes. $1 is the file."""

import sys

import yaml

documents = list(yaml.safe_load_all(open(sys.argv[1])))
kinds = {}
for document in documents:
    kinds.setdefault(document["kind"], []).append(document)
[stateful] = kinds["StatefulSet"]
spec, template = stateful["spec"], stateful["spec"]["template"]
labels = template["metadata"]["labels"]
assert spec["selector"]["matchLabels"].items() <= labels.items()
services = {service["metadata"]["name"]: service["spec"] for service in kinds["Service"]}
assert services[spec["serviceName"]]["clusterIP"] == "None"
for name, service in services.items():
    assert service["selector"].items() <= labels.items(), name
[container] = template["spec"]["containers"]
ports = {port["name"]: port["containerPort"] for port in container["ports"]}
for service in services.values():
    assert all(port["targetPort"] in ports for port in service["ports"])
for probe, path in [("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")]:
    get = container[probe]["httpGet"]
    assert get["path"] == path and get["port"] in ports, probe
for number in range(spec["replicas"]):
    peer = f"--peer={stateful['metadata']['name']}-{number}.{spec['serviceName']}:{ports['p2p']}"
    assert peer in container["args"], peer
volumes = {v["name"] for v in template["spec"]["volumes"]}
volumes |= {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
assert {mount["name"] for mount in container["volumeMounts"]} == volumes
assert template["spec"]["securityContext"]["runAsNonRoot"]
assert container["securityContext"]["readOnlyRootFilesystem"]
print("ok -- names, ports, probes, peers and volumes agree")
