"""The client against the real server: python3 -m unittest discover python"""

import math
import os
import sys
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
import carryover  # noqa: E402
from carryover import Carryover, CarryoverError  # noqa: E402

START = datetime(2021, 1, 1)
HOUR = timedelta(hours=1)


class Number:
    """A number as numpy has them."""

    def __init__(self, value: float) -> None:
        self.value = value

    def item(self) -> float:
        return self.value


class TheClient(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def open(self) -> Carryover:
        return Carryover(Path(self.folder.name) / "memory")

    def trade(self, session, hours: int, **changes):
        """A decision, and its trade of 0.4 R three hours later."""
        time = START + hours * HOUR
        decision = session.decide(
            as_of=time, asset="BTCUSD", votes={"good": ("BUY", 60), "bad": {"action": "SELL", "confidence": 10}, "mute": None},
            situation={"rsi": float("nan"), "funding": "high"}, price=100, stop=90,
        )
        outcome = session.record_outcome(**{
            "decision_id": decision["decision_id"], "as_of": time + 3 * HOUR, "asset": "BTCUSD", "action": "BUY",
            "entry_timestamp": time, "exit_timestamp": time + 3 * HOUR, "entry_price": 100, "exit_price": Number(104.0),
            "position_size": 1, "stop_price": 90, **changes,
        })
        return decision, outcome

    def test_memory_learns_from_what_is_recorded_and_is_there_the_next_time(self) -> None:
        with self.open() as memory:
            with memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"]) as session:
                first, outcome = self.trade(session, 0)
                self.assertEqual(first["action"], "BUY")
                self.assertAlmostEqual(outcome["result_r"], 0.4)
                for i in range(1, 30):
                    last, _ = self.trade(session, 4 * i)
                self.assertGreater(last["weights"]["good"], first["weights"]["good"])
                self.assertEqual(last["remembered"], 29)
        with self.open() as memory:
            self.assertEqual(memory.memory_stats()["outcomes"], 30)
            weights = memory.provider_weights(as_of="2022-01-01")
            self.assertAlmostEqual(sum(weights.values()), 1)
            found = memory.recall_trades("BTCUSD with funding high", as_of=datetime(2022, 1, 1, tzinfo=timezone.utc), k=3)
            self.assertEqual([trade["result_r"] for trade in found], [0.4, 0.4, 0.4])
            self.assertEqual(memory.provider_records(as_of="2022-01-01", regime="UNKNOWN")["good"]["trades"], 30)

    def test_what_is_not_waited_for_is_durable_after_flush_and_a_refusal_comes_then(self) -> None:
        with self.open() as memory:
            session = memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"])
            for i in range(100):
                self.trade(session, 4 * i, wait=False)
            memory.flush()
            self.assertEqual(memory.memory_stats()["outcomes"], 100)
            self.trade(session, 400, wait=False, exit_price=-1)
            with self.assertRaises(CarryoverError) as raised:
                memory.flush()
            self.assertEqual((raised.exception.code, raised.exception.field), ("BAD_USAGE", "exit_price"))

    def test_an_error_says_its_code_and_the_field(self) -> None:
        with self.open() as memory:
            with self.assertRaises(CarryoverError) as raised:
                memory.open_session(engine="test", mode="sometimes", providers=["a"])
            self.assertEqual((raised.exception.code, raised.exception.field), ("BAD_USAGE", "mode"))
            session = memory.open_session(engine="test", mode="backtest", providers=["a"])
            with self.assertRaisesRegex(CarryoverError, "found NaN"):
                session.decide(as_of=START, asset="A", votes={"a": ("BUY", math.nan)})
            with self.assertRaisesRegex(TypeError, "Cannot send object"):
                session.decide(as_of=START, asset="A", votes={"a": ("BUY", object())})
            # Neither was sent: the server still answers.
            self.assertEqual(session.decide(as_of=START, asset="A", votes={"a": ("BUY", 60)})["action"], "BUY")

    def test_a_second_program_is_refused_while_the_folder_is_open(self) -> None:
        with self.open():
            with self.assertRaises(CarryoverError) as raised:
                self.open()
        self.assertEqual(raised.exception.code, "LOCKED")

    def test_a_server_that_dies_is_an_error_and_keeps_what_it_answered(self) -> None:
        memory = self.open()
        session = memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"])
        self.trade(session, 0)
        memory._child.kill()
        with self.assertRaisesRegex(CarryoverError, "The server ended"):
            self.trade(session, 4)
        memory.close()
        with self.open() as again:
            self.assertEqual(again.memory_stats()["outcomes"], 1)

    def test_an_exception_of_the_program_is_not_hidden_and_the_session_can_be_resumed(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            with self.open() as memory, memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"]) as session:
                self.trade(session, 0)
                1 / 0
        with self.open() as memory:
            again = memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"], start=START, resume=True)
            self.assertEqual(self.trade(again, 4)[0]["remembered"], 1)

    def test_a_command_that_is_not_there_says_so(self) -> None:
        with self.assertRaises(FileNotFoundError):
            Carryover(self.folder.name, command=["no-such-command"])

    def test_a_copy_outside_of_a_clone_says_how_to_name_the_server(self) -> None:
        copy = str(Path(self.folder.name).resolve() / "mine" / "carryover.py")
        with mock.patch.object(carryover, "__file__", copy), mock.patch.dict(os.environ, PATH=self.folder.name):
            with self.assertRaisesRegex(CarryoverError, r'command=\["bun", "/path/to/carryover/scripts/serve.ts"\]') as raised:
                Carryover(self.folder.name)
        self.assertEqual(raised.exception.code, "NOT_FOUND")
        self.assertIn(copy, str(raised.exception))


if __name__ == "__main__":
    unittest.main()
