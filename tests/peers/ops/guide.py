"""docs/OPERATIONS.md and its neighbours: files that are named exist, links go somewhere, every alert's
runbook has its heading, and every script is in the guide."""

import pathlib
import re

import yaml

pages = ["docs/OPERATIONS.md", "docs/SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "README.md"]


def anchors(text):
    heads = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


links = files = 0
for page in pages:
    text = pathlib.Path(page).read_text()
    for target in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
        path, anchor = target
        if path.startswith("http"):
            continue
        to = pathlib.Path(page).parent / path if path else pathlib.Path(page)
        assert to.exists(), f"{page}: {path} is not there"
        assert not anchor or anchor in anchors(to.read_text()), f"{page}: no heading {anchor} in {to}"
        links += 1
    for name in re.findall(r"(?<![\w/.])((?:deploy|scripts|tests|docs|src|words)/[\w./-]*\w/?)", text):
        assert pathlib.Path(name).exists(), f"{page}: {name} is not there"
        files += 1
guide = pathlib.Path("docs/OPERATIONS.md").read_text()
for group in yaml.safe_load(open("deploy/monitoring/alerts.yml"))["groups"]:
    for rule in group["rules"]:
        page, anchor = rule["annotations"]["runbook"].split("#")
        assert page == "docs/OPERATIONS.md" and anchor in anchors(guide), rule["alert"]
        assert f"| {rule['alert']} |" in guide, rule["alert"]
for script in pathlib.Path("scripts").glob("*.*"):
    assert script.name in guide, f"the guide does not name {script}"
print(f"ok -- {links} links, {files} names of files")
