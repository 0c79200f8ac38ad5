"""Plays a session from Python, and prints the milliseconds that it took: MEMORY_DIR CALLS.json HOW COMMAND... of the server.

HOW is "together", which decides on all assets of a time at once, or "alone".
"""

import json
import sys
import time
from datetime import datetime
from itertools import groupby
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


memory_dir, file, how, *command = sys.argv[1:]
(_, opening), *calls = [(method, prepared(params)) for method, params in json.loads(Path(file).read_text())]

begun = time.perf_counter()
with Carryover(memory_dir, command=command) as memory:
    with memory.open_session(**opening) as session:
        for (method, _), same in groupby(calls, lambda call: (call[0], call[1].get("as_of"))):
            several = [params for _, params in same]
            if method == "decide" and how == "together":
                session.decide_all(several)
            for params in several:
                if method == "decide" and how == "alone":
                    session.decide(**params)
                elif method == "record_outcome":
                    session.record_outcome(**params, wait=False)
print(1000 * (time.perf_counter() - begun))
