"""A provider of the type `command`: it reads one JSON question a line from stdin and writes one JSON vote a line to stdout.

    providers:
      - { name: mine, type: command, command: [python3, provider.py] }

A question is {"id", "situation", "context"}: docs/PROVIDERS.md shows one, and lib/types.ts says what Situation and
DecisionContext have. The answer repeats the id. Write everything else to stderr.
"""

import json
import sys

for line in sys.stdin:
    question = json.loads(line)
    situation, context = question["situation"], question["context"]
    record = context["records"].get("mine", {"trades": 0})
    if record["trades"] >= 20 and record["mean_r"] < -0.2:
        vote = {"error": "wrong too often in this regime"}
    elif situation["rsi"] < 30:
        vote = {"action": "BUY", "confidence": 60, "reason": "oversold"}
    elif situation["rsi"] > 70:
        vote = {"action": "SELL", "confidence": 60, "reason": "overbought"}
    else:
        vote = {"action": "HOLD", "confidence": 50}
    print(json.dumps({"id": question["id"], **vote}), flush=True)
