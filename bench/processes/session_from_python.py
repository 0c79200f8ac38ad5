"""Plays a session from Python, and prints the milliseconds that it took: MEMORY_DIR CALLS.json COMMAND... of the server."""

import json
import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from carryover import Carryover  # noqa: E402

TIMES = ("start", "as_of", "entry_timestamp", "exit_timestamp")


def prepared(params):
    """Times and votes as programs have them."""
    known = {key: value for key, value in params.items() if key != "session"}
    for key in TIMES:
        if key in known:
            known[key] = datetime.fromisoformat(known[key].replace("Z", "+00:00"))
    if "votes" in known:
        known["votes"] = {vote.pop("provider"): vote for vote in known["votes"]}
    return known


memory_dir, file, *command = sys.argv[1:]
(_, opening), *calls = [(method, prepared(params)) for method, params in json.loads(Path(file).read_text())]

begun = time.perf_counter()
with Carryover(memory_dir, command=command) as memory:
    with memory.open_session(**opening) as session:
        for method, params in calls:
            if method == "decide":
                session.decide(**params)
            elif method == "record_outcome":
                session.record_outcome(**params, wait=False)
print(1000 * (time.perf_counter() - begun))
