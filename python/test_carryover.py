"""The client against the real server: python3 -m unittest discover python"""

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
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

    def test_decisions_made_together_are_those_made_one_by_one(self) -> None:
        def asked(hours: int, asset: str):
            votes = {"good": ("BUY", 60), "bad": ("SELL", 10)}
            return {"as_of": START + hours * HOUR, "asset": asset, "votes": votes, "situation": {"rsi": hours}, "price": 100, "stop": 90}

        answers = []
        for folder in ("together", "one by one"):
            with Carryover(Path(self.folder.name) / folder) as memory:
                session = memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"], start=START)
                for i in range(5):
                    self.trade(session, 4 * i)
                several = [asked(24, asset) for asset in ("BTCUSD", "ETHUSD", "EURUSD")]
                answers.append(session.decide_all(several) if folder == "together" else [session.decide(**each) for each in several])
        self.assertEqual(answers[0], answers[1])
        self.assertEqual([answer["remembered"] for answer in answers[0]], [5, 5, 5])

    def test_of_decisions_made_together_the_first_refusal_is_raised_and_the_others_are_made(self) -> None:
        with self.open() as memory:
            session = memory.open_session(engine="test", mode="backtest", providers=["good"], start=START)
            asked = [{"as_of": START, "asset": asset, "votes": {"good": ("BUY", 60)}} for asset in ("BTCUSD", "ETHUSD", "EURUSD")]
            asked[0]["price"] = -1
            asked[1]["stop"] = -2
            with self.assertRaises(CarryoverError) as raised:
                session.decide_all(asked)
            self.assertEqual((raised.exception.code, raised.exception.field), ("BAD_USAGE", "price"))
            with self.assertRaisesRegex(CarryoverError, "NaN"):
                session.decide_all([asked[2], {**asked[2], "price": math.inf}])
            self.assertEqual(session.decide_all([]), [])
            self.assertEqual(session.close()["decisions"], 1)

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

    def test_flush_waits_for_all_and_says_how_many_were_refused(self) -> None:
        with self.open() as memory:
            session = memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"])
            self.trade(session, 0, wait=False, exit_price=-1)
            self.trade(session, 4, wait=False)
            self.trade(session, 8, wait=False, exit_price=-1)
            with self.assertRaisesRegex(CarryoverError, "exit_price.*; 1 more were refused"):
                memory.flush()
            memory.flush()
            self.assertEqual(memory.memory_stats()["outcomes"], 1)

    def test_a_refusal_at_the_end_of_the_with_statement_leaves_no_server(self) -> None:
        with self.assertRaisesRegex(CarryoverError, "exit_price"):
            with self.open() as memory:
                session = memory.open_session(engine="test", mode="backtest", providers=["good", "bad", "mute"])
                self.trade(session, 0, wait=False, exit_price=-1)
        self.assertIsNotNone(memory._child.poll())
        with self.open() as again:
            self.assertEqual(again.memory_stats()["outcomes"], 0)

    def test_many_large_requests_that_nobody_waits_for_do_not_block(self) -> None:
        # An answer of 30 kB each: more than the pipes hold before the first one is read.
        providers = [f"a provider with a rather long name, number {i:03}" for i in range(100)]
        votes = [{"provider": name, "action": "BUY", "confidence": 50, "reason": "r" * 200} for name in providers]
        with self.open() as memory:
            session = memory.open_session(engine="test", mode="backtest", providers=providers)
            session.record_outcome(
                votes={name: ("BUY", 50) for name in providers}, as_of=START + HOUR, asset="A", action="BUY",
                entry_timestamp=START, exit_timestamp=START + HOUR, entry_price=100, exit_price=104, position_size=1, stop_price=90,
            )
            for i in range(2, 102):
                memory.call_later("decide", {
                    "session": session.id, "as_of": carryover._time(START + i * HOUR), "asset": "A", "votes": votes,
                    "price": 100, "stop": 90,
                })
            memory.flush()

    def test_a_message_that_is_too_large_is_refused_and_the_next_one_is_answered(self) -> None:
        with self.open() as memory:
            session = memory.open_session(engine="test", mode="backtest", providers=["a"])
            vote = {"action": "BUY", "confidence": 60, "reason": "x" * 1_100_000}
            with self.assertRaisesRegex(CarryoverError, "Cannot decide: found 1100.*bytes, expected at most 1048576") as raised:
                session.decide(as_of=START, asset="A", votes={"a": vote})
            self.assertEqual(raised.exception.code, "BAD_USAGE")
            self.assertEqual(session.decide(as_of=START, asset="A", votes={"a": ["BUY", 60]})["action"], "BUY")

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork()")
    def test_a_forked_process_has_no_part_in_it_and_does_not_keep_the_server(self) -> None:
        memory = self.open()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                memory.memory_stats()
            except CarryoverError as error:
                os.write(writing, str(error).encode())
            memory.close()
            time.sleep(60)
            os._exit(0)
        try:
            told = os.read(reading, 1000).decode()
            self.assertIn("Cannot memory_stats: it was opened in the parent process", told)
            self.assertEqual(memory.memory_stats()["outcomes"], 0)
            memory.close()
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
            os.close(writing)

    @unittest.skipUnless(hasattr(os, "killpg"), "this system has no process groups")
    def test_after_ctrl_c_the_program_can_still_record(self) -> None:
        program = """if True:
            import sys, time
            from carryover import Carryover
            with Carryover(sys.argv[1]) as memory:
                session = memory.open_session(engine="test", mode="backtest", providers=["a"])
                try:
                    print("ready", flush=True)
                    time.sleep(60)
                except KeyboardInterrupt:
                    time.sleep(0.3)
                    session.record_outcome(
                        votes={"a": ("BUY", 60)}, as_of="2021-01-02", asset="A", action="BUY", entry_timestamp="2021-01-01",
                        exit_timestamp="2021-01-01T01:00:00Z", entry_price=100, exit_price=101, position_size=1,
                    )
                    print(memory.memory_stats()["outcomes"])
        """
        args = [sys.executable, "-c", program, str(Path(self.folder.name) / "memory")]
        child = subprocess.Popen(
            args, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=Path(carryover.__file__).parent
        )
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), "ready\n")
        os.killpg(child.pid, signal.SIGINT)
        self.assertEqual(child.communicate(timeout=30)[0], "1\n")

    def test_after_its_end_it_says_so(self) -> None:
        memory = self.open()
        memory.call_later("memory_stats", {})
        memory.close()
        memory.close()
        with self.assertRaisesRegex(CarryoverError, "Cannot wait for an answer: it is closed"):
            memory.flush()
        with self.assertRaisesRegex(CarryoverError, "Cannot memory_stats: it is closed: open another Carryover"):
            memory.memory_stats()

    def test_a_server_that_cannot_start_is_quoted(self) -> None:
        program = "import sys; print('Unknown file extension .ts', file=sys.stderr); sys.exit(9)"
        with self.assertRaisesRegex(CarryoverError, "exit code 9\nUnknown file extension .ts"):
            Carryover(self.folder.name, command=[sys.executable, "-c", program])
        with self.assertRaisesRegex(CarryoverError, "found b'hello.*expected JSON-RPC"):
            Carryover(self.folder.name, command=[sys.executable, "-c", "input(); print('hello')"])
        with self.assertRaisesRegex(TypeError, "expected a list"):
            Carryover(self.folder.name, command="bun scripts/serve.ts")

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
