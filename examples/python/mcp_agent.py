"""An agent with Carryover's memory over the Model Context Protocol. The agent is a rule here: put your model in its place.

pip install mcp; python examples/python/mcp_agent.py [MEMORY_DIR]
"""

import asyncio
import json
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

SERVE = str(Path(__file__).resolve().parents[2] / "scripts" / "serve.ts")
#: What a market offers: its mood, and how much a bet on a rise would make. News is good, and wrong when funding is high.
MOODS = [("low", 3.0), ("high", -2.0), ("low", 2.0), ("high", -3.0)] * 10


async def trade(session: ClientSession, *, uses_memory: bool) -> list:
    """The same forty offers, with and without a look into memory before each."""

    async def tool(name: str, **arguments):
        answer = await session.call_tool(name, arguments)
        if answer.is_error:
            raise RuntimeError(answer.content[0].text)
        return json.loads(answer.content[0].text)

    engine = f"agent that {'recalls' if uses_memory else 'forgets'}"
    opened = await tool("open_session", engine=engine, mode="backtest", providers=["agent"], market="synthetic")
    results, now = [], datetime(2021, 1, 1)
    for funding, move in MOODS:
        as_of, until = (f"{time.isoformat()}Z" for time in (now, now + timedelta(hours=20)))
        now += timedelta(days=1)
        situation = {"funding": funding, "news": "good"}
        if uses_memory:
            # What a model would read, and decide by.
            known = await tool("recall_trades", session=opened["session"], asset="BTCUSD", situation=situation, as_of=as_of, k=5)
            alike = [each["result_r"] for each in known["trades"] if each["similarity"] > 0.9]
            if len(alike) >= 3 and sum(alike) < 0:
                continue
        votes = [{"provider": "agent", "action": "BUY", "confidence": 70}]
        place = {"session": opened["session"], "asset": "BTCUSD", "situation": situation}
        decision = await tool("decide", **place, as_of=as_of, votes=votes, price=100, stop=95)
        outcome = await tool(
            "record_outcome", session=opened["session"], asset="BTCUSD", decision_id=decision["decision_id"], as_of=until,
            action="BUY", entry_timestamp=as_of, exit_timestamp=until, entry_price=100, exit_price=100 + move, position_size=1,
            stop_price=95,
        )
        results.append(outcome["result_r"])
    await tool("close_session", session=opened["session"])
    return results


async def main(memory_dir: str) -> None:
    server = StdioServerParameters(command="bun", args=[SERVE, "--mcp", "--memory-dir", memory_dir])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = await session.list_tools()
        print("tools: " + ", ".join(tool.name for tool in tools.tools))
        for name, uses_memory in (("off", False), ("on", True)):
            results = await trade(session, uses_memory=uses_memory)
            print(f"memory {name:3}  {len(results)} trades, {sum(results):+.1f} R")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
