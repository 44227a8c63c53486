"""The Grafana dashboard: `shape FILE` holds it to what Grafana needs to draw it; `ask FILE URL` asks
each Prometheus panel's question of a real Prometheus, where every one must be understood."""

import json
import sys
import time
import urllib.parse
import urllib.request

board = json.load(open(sys.argv[2]))
panels = [panel for panel in board["panels"] if panel["type"] != "row"]


def shape():
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)), "two panels with one id"
    variables = {variable["name"] for variable in board["templating"]["list"]}
    places = set()
    for panel in panels:
        grid = panel["gridPos"]
        assert 0 <= grid["x"] and grid["x"] + grid["w"] <= 24, panel["title"]
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                assert (x, y) not in places, f"{panel['title']} lies over another"
                places.add((x, y))
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            kind, uid = target["datasource"]["type"], target["datasource"]["uid"]
            assert uid.strip("${}") in variables, uid
            assert target["expr" if kind == "prometheus" else "rawSql"].strip(), panel["title"]
    kinds = [target["datasource"]["type"] for panel in panels for target in panel["targets"]]
    print(f"ok -- {kinds.count('prometheus')} questions for Prometheus, {kinds.count('postgres')} for SQL")


def unanswered(url):
    """Titles of the panels for which Prometheus has no data; a question it does not understand fails."""
    empty = set()
    for title, expr in questions():
        query = urllib.parse.urlencode({"query": expr.replace("$node", ".*")})
        with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=20) as answer:
            said = json.load(answer)
        assert said["status"] == "success", (title, said)
        if not said["data"]["result"]:
            empty.add(title)
    # What counts calls says nothing before there were any.
    return empty - {"Calls a second", "Mean time of a call", "Errors a second"}


def questions():
    for panel in panels:
        for target in panel["targets"]:
            if target["datasource"]["type"] == "prometheus":
                yield panel["title"], target["expr"]


def ask(url):
    # A rate wants two samples.
    until = time.monotonic() + 20
    while (empty := unanswered(url)) and time.monotonic() < until:
        time.sleep(1)
    assert not empty, f"no data for {sorted(empty)}"
    print(f"ok -- Prometheus answers {len(list(questions()))} questions of the dashboard")


shape() if sys.argv[1] == "shape" else ask(sys.argv[3])
