"""Dashboards through Grafana's Python SDK and back: what it does not know is lost, and told.

    roundtrip.py FOLDER...
"""

import copy
import json
import pathlib
import re
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# What the data source of Prometheus reads of an annotation, beside what all data sources have.
OF_PROMETHEUS = re.compile(r"/annotations/list/\d+/(step|titleFormat|tagKeys|textFormat|useValueForTime)")


def differences(path, ours, theirs):
    """What is missing or other on the way back; what the SDK adds is its own affair."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if value is not None:
                yield from differences(f"{path}/{key}", value, theirs.get(key))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (our, their) in enumerate(zip(ours, theirs)):
            yield from differences(f"{path}/{at}", our, their)
    elif ours != theirs:
        yield path, ours, theirs


def lost(board):
    there_and_back = json.loads(json.dumps(Dashboard.from_json(copy.deepcopy(board)), cls=JSONEncoder))
    found = differences("", board, there_and_back)
    return [difference for difference in found if not OF_PROMETHEUS.fullmatch(difference[0])]


def sees_what_is_wrong(board):
    """A key that no panel of the kind has, and one that no board has."""
    spoiled = copy.deepcopy(board)
    panel = next(panel for panel in spoiled["panels"] if panel["type"] == "table")
    panel["options"]["pages"] = 20
    spoiled["refreshEvery"] = "30s"
    return {path.rsplit("/", 1)[-1] for path, _, _ in lost(spoiled)} == {"pages", "refreshEvery"}


def main():
    register_default_plugins()
    files = sorted(file for folder in sys.argv[1:] for file in pathlib.Path(folder).glob("*.json"))
    failed = not files
    for file in files:
        board = json.loads(file.read_text())
        for path, ours, theirs in lost(board):
            failed = True
            print(f"{file}: {path}: {ours!r} comes back as {theirs!r}")
    if not failed and not sees_what_is_wrong(json.loads(files[0].read_text())):
        failed = True
        print("the round trip does not see keys that nobody knows")
    if failed:
        sys.exit(f"{len(files)} dashboards, not all of them as the SDK knows them")
    print(f"{len(files)} dashboards come back from the SDK as they went")


main()
