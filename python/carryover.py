"""Carryover's memory from Python: what are my providers' votes worth, and how did such trades end?

One file, the standard library only, Python 3.9 or newer. It starts ``carryover serve --stdio`` as a child and talks to it::

    from carryover import Carryover

    with Carryover("data/memory") as memory:
        with memory.open_session(engine="mine", mode="backtest", providers=["sma", "rsi"]) as session:
            decision = session.decide(
                as_of="2021-01-04T12:00:00Z", asset="BTCUSD", price=31000, stop=30000,
                votes={"sma": ("BUY", 60), "rsi": ("SELL", 55)}, situation={"rsi": 61.5, "funding": "high"},
            )
            size = 100 * decision["size_scale"]
            session.record_outcome(
                decision_id=decision["decision_id"], as_of="2021-01-05T12:00:00Z", asset="BTCUSD", action="BUY",
                entry_timestamp="2021-01-04T12:00:00Z", exit_timestamp="2021-01-05T12:00:00Z",
                entry_price=31000, exit_price=31500, position_size=size, stop_price=30000,
            )

The methods and their answers are those of docs/SERVE.md. Times are datetimes (without a zone: UTC), ISO 8601 texts, or epoch
milliseconds. A number that is NaN in a situation is one that is not known.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import threading
import weakref
from collections import deque
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Deque, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple, Type, Union

__all__ = ["Carryover", "CarryoverError", "Session", "Time", "Vote"]
__version__ = "1.0.0"

Time = Union[datetime, str, int]
#: An action (BUY, SELL or HOLD) with a confidence of 0 to 100; all fields of a vote; or None, which abstains.
Vote = Union[Tuple[str, float], Mapping[str, Any], None]
#: An answer of the server, by the names of docs/SERVE.md.
Answer = Dict[str, Any]

#: Requests that are under way before the next one waits for an answer, and their bytes: less than a pipe holds, so that this program
#: is never stuck in writing to a server that is stuck in answering it.
_MAX_UNDER_WAY = 64
_MAX_UNDER_WAY_BYTES = 32 * 1024
#: Of a message to the server.
_MAX_MESSAGE_BYTES = 1024 * 1024

_log = logging.getLogger("carryover")


class CarryoverError(Exception):
    """What the server refused, or why it ended.

    ``code`` is such as BAD_USAGE, NOT_FOUND, CONFLICT or LOCKED; ``field`` the parameter that is wrong, if it is one.
    """

    def __init__(self, message: str, code: str = "IO", field: Optional[str] = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class Carryover:
    """A memory folder, open for this program alone: no other one can write to it until it is closed.

    ``config`` names a config.yaml (default: ./config.yaml, else Carryover's own). ``command`` starts the server where this file
    is not in a clone: ``["bun", "/path/to/carryover/scripts/serve.ts"]``. It is used in a ``with`` statement, or closed by ``close()``.
    """

    def __init__(
        self,
        memory_dir: Union[str, "os.PathLike[str]"],
        *,
        config: Union[str, "os.PathLike[str]", None] = None,
        command: Optional[Sequence[str]] = None,
    ) -> None:
        if isinstance(command, str):
            raise TypeError(f'Cannot start {command!r}: found a text, expected a list such as ["bun", "/path/to/carryover/scripts/serve.ts"]')
        args = [*(command or _find_command()), "--stdio", "--memory-dir", os.fspath(memory_dir)]
        if config is not None:
            args += ["--config", os.fspath(config)]
        self._last_notes: Deque[str] = deque(maxlen=20)
        self._answers: Dict[int, Dict[str, Any]] = {}
        #: Bytes of the requests without an answer, by id.
        self._under_way: Dict[int, int] = {}
        self._unawaited: Set[int] = set()
        self._refused: List[CarryoverError] = []
        self._next_id = 0
        self._lock = threading.RLock()
        #: Why nothing can be sent any more.
        self._closed: Optional[str] = None
        # In a session of its own, as Ctrl-C is for this program, which may still have trades to record. The server ends with its stdin.
        self._child = subprocess.Popen(
            args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=-1, start_new_session=True
        )
        _opened.add(self)
        self._notes = threading.Thread(target=self._read_notes, daemon=True)
        self._notes.start()
        try:
            self.memory_stats()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Carryover":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self.close()

    def close(self) -> None:
        """Ends the server. What it answered is durable. Open sessions stay open, and can be resumed."""
        if self._closed is not None:
            return
        self._closed = "it is closed: open another Carryover"
        _opened.discard(self)
        child = self._child
        if child.poll() is None and child.stdin is not None:
            try:
                child.stdin.close()
            except BrokenPipeError:
                pass
            # Answers that nobody waits for must not keep the server from ending.
            if child.stdout is not None:
                child.stdout.read()
        child.wait()
        self._notes.join()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass

    def flush(self) -> None:
        """Waits for all that was recorded with ``wait=False``, and raises what was refused of it."""
        with self._lock:
            while self._unawaited:
                self._read_answer()
            refused, self._refused = self._refused, []
        if len(refused) == 1:
            raise refused[0]
        if refused:
            first = refused[0]
            raise CarryoverError(f"{first}; {len(refused) - 1} more were refused", first.code, first.field)

    def open_session(
        self,
        *,
        engine: str,
        mode: str,
        providers: Sequence[str],
        market: str = "bars",
        start: Optional[Time] = None,
        resume: Optional[bool] = None,
        settings: Optional[Mapping[str, Any]] = None,
    ) -> "Session":
        """Opens a session: ``mode`` is "backtest", whose time never goes back, or "live"."""
        params = {
            "engine": engine,
            "mode": mode,
            "market": market,
            "providers": list(providers),
            "start": _time(start),
            "resume": resume,
            "settings": settings,
        }
        return Session(self, self.call("open_session", params))

    def recall_trades(
        self,
        query: Optional[str] = None,
        *,
        as_of: Time,
        situation: Optional[Mapping[str, Any]] = None,
        k: Optional[int] = None,
        asset: Optional[str] = None,
        regime: Optional[str] = None,
        session: Optional["Session"] = None,
    ) -> List[Answer]:
        """The past trades that are most like a sentence or a situation, the most similar first.

        With a ``session`` only what it sees counts, here and in the next two methods; else all of memory.
        """
        params = {
            "session": session and session.id,
            "query": query,
            "situation": _situation(situation),
            "as_of": _time(as_of),
            "k": k,
            "asset": asset,
            "regime": regime,
        }
        trades: List[Answer] = self.call("recall_trades", params)["trades"]
        return trades

    def provider_weights(
        self, *, as_of: Time, situation: Optional[Mapping[str, Any]] = None, session: Optional["Session"] = None
    ) -> Dict[str, float]:
        """What each provider's vote weighs, by what its votes earned. Weights sum to 1."""
        params = {"session": session and session.id, "as_of": _time(as_of), "situation": _situation(situation)}
        weights: Dict[str, float] = self.call("provider_weights", params)["weights"]
        return weights

    def provider_records(
        self, *, as_of: Time, regime: Optional[str] = None, session: Optional["Session"] = None
    ) -> Dict[str, Answer]:
        """How often each provider was right, and what its votes earned."""
        params = {"session": session and session.id, "as_of": _time(as_of), "regime": regime}
        records: Dict[str, Answer] = self.call("provider_records", params)["records"]
        return records

    def memory_stats(self) -> Answer:
        """What memory holds."""
        return self.call("memory_stats", {})

    def forget_provider(self, provider: str, *, before: Optional[Time] = None) -> Answer:
        """Lets a provider start afresh. Its outcomes stay, but no longer count for its weight."""
        return self.call("forget_provider", {"provider": provider, "before": _time(before)})

    def call(self, method: str, params: Mapping[str, Any]) -> Answer:
        """Calls any method of docs/SERVE.md. Parameters that are None are left out."""
        return self.call_all(method, [params])[0]

    def call_all(self, method: str, calls: Iterable[Mapping[str, Any]]) -> List[Answer]:
        """Like ``call()`` once for each, but the server works on the next call while this program reads an answer.

        All are made, also if one is refused; then the first refusal is raised.
        """
        with self._lock:
            requests = [self._request(method, params) for params in calls]
            for request_id, line in requests:
                self._send(method, request_id, line)
            answers = [self._answer(request_id) for request_id, _ in requests]
        for answer in answers:
            if "error" in answer:
                raise _refusal(answer["error"])
        return [answer["result"] for answer in answers]

    def call_later(self, method: str, params: Mapping[str, Any]) -> None:
        """Like ``call()``, but does not wait: ``flush()`` raises what was refused."""
        with self._lock:
            request_id, line = self._request(method, params)
            self._send(method, request_id, line)
            self._unawaited.add(request_id)

    def _request(self, method: str, params: Mapping[str, Any]) -> Tuple[int, bytes]:
        """The id and the line of a request."""
        self._next_id += 1
        given = {name: value for name, value in params.items() if value is not None}
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": given}
        try:
            line = _ENCODER.encode(request).encode() + b"\n"
        except ValueError:
            raise CarryoverError(f"Cannot {method}: found NaN or an infinite number, expected a number", "BAD_USAGE") from None
        if len(line) > _MAX_MESSAGE_BYTES:
            expected = f"at most {_MAX_MESSAGE_BYTES}: shorten reasons and descriptions"
            raise CarryoverError(f"Cannot {method}: found {len(line)} bytes, expected {expected}", "BAD_USAGE")
        return self._next_id, line

    def _send(self, method: str, request_id: int, line: bytes) -> None:
        if self._closed is not None:
            raise CarryoverError(f"Cannot {method}: {self._closed}", "BAD_USAGE")
        while self._under_way and not self._has_room(len(line)):
            self._read_answer()
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(line)
            self._child.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise self._ended() from None
        self._under_way[request_id] = len(line)

    def _has_room(self, size: int) -> bool:
        under_way = self._under_way
        return len(under_way) < _MAX_UNDER_WAY and sum(under_way.values()) + size <= _MAX_UNDER_WAY_BYTES

    def _answer(self, request_id: int) -> Dict[str, Any]:
        while request_id not in self._answers:
            self._read_answer()
        return self._answers.pop(request_id)

    def _read_answer(self) -> None:
        if self._closed is not None:
            raise CarryoverError(f"Cannot wait for an answer: {self._closed}", "BAD_USAGE")
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        try:
            answer = json.loads(line)
            request_id = answer["id"]
        except (ValueError, TypeError, LookupError):
            raise CarryoverError(f"Cannot read the server's answer: found {line[:100]!r}, expected JSON-RPC") from None
        if request_id is None:
            raise _refusal(answer["error"])
        self._under_way.pop(request_id, None)
        if request_id not in self._unawaited:
            self._answers[request_id] = answer
            return
        self._unawaited.remove(request_id)
        if "error" in answer:
            self._refused.append(_refusal(answer["error"]))

    def _ended(self) -> CarryoverError:
        code = self._child.wait()
        self._notes.join()
        errors = [line[len("error: ") :] for line in self._last_notes if line.startswith("error: ")]
        message = "\n".join(errors or [f"The server ended with exit code {code}", *list(self._last_notes)[-5:]])
        return CarryoverError(message, {2: "BAD_USAGE", 3: "NOT_FOUND", 4: "CORRUPT", 5: "LOCKED"}.get(code, "IO"))

    def _leave_to_parent(self) -> None:
        """In a forked process: the copies of the pipes would keep the server from ending, and mix up requests and answers."""
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            # Not by the pipe's own close(), which may write once more what is in its buffer.
            getattr(pipe, "raw").close()
        self._lock = threading.RLock()
        self._unawaited.clear()
        self._closed = "it was opened in the parent process: open another Carryover, on another folder, in this one"

    def _read_notes(self) -> None:
        assert self._child.stderr is not None
        for line in self._child.stderr:
            text = line.decode(errors="replace").rstrip()
            self._last_notes.append(text)
            _log.info(text)


_opened: "weakref.WeakSet[Carryover]" = weakref.WeakSet()


def _after_fork() -> None:
    for memory in list(_opened):
        memory._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Session:
    """A session of trading. Leaving its ``with`` statement without an error closes it, which writes its summary."""

    def __init__(self, memory: Carryover, opened: Answer) -> None:
        self.memory = memory
        self.id: str = opened["session"]

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if error is None:
            self.close()

    def decide(
        self,
        *,
        as_of: Time,
        asset: str,
        votes: Mapping[str, Vote],
        decision_id: Optional[str] = None,
        situation: Optional[Mapping[str, Any]] = None,
        description: Optional[str] = None,
        price: Optional[float] = None,
        stop: Optional[float] = None,
        atr: Optional[float] = None,
    ) -> Answer:
        """What to do about an asset: ``action``, ``confidence``, ``size_scale``, ``expected_r``, ``weights``, ``similar``, ..."""
        asked = {
            "decision_id": decision_id,
            "as_of": as_of,
            "asset": asset,
            "votes": votes,
            "situation": situation,
            "description": description,
            "price": price,
            "stop": stop,
            "atr": atr,
        }
        return self.decide_all([asked])[0]

    def decide_all(self, decisions: Iterable[Mapping[str, Any]]) -> List[Answer]:
        """Decides several times, such as on all assets of one time: faster than one by one, with the same answers.

        Each is a map of what ``decide()`` takes. All are decided, also if one is refused; then the first refusal is raised.
        """
        calls = [
            {
                **asked,
                "session": self.id,
                "as_of": _time(asked["as_of"]),
                "votes": _votes(asked["votes"]),
                "situation": _situation(asked.get("situation")),
            }
            for asked in decisions
        ]
        return self.memory.call_all("decide", calls)

    def record_outcome(
        self,
        *,
        as_of: Time,
        asset: str,
        action: str,
        entry_timestamp: Time,
        exit_timestamp: Time,
        entry_price: float,
        exit_price: float,
        position_size: float,
        decision_id: Optional[str] = None,
        votes: Optional[Mapping[str, Vote]] = None,
        situation: Optional[Mapping[str, Any]] = None,
        description: Optional[str] = None,
        fees: Optional[float] = None,
        raw_entry_price: Optional[float] = None,
        raw_exit_price: Optional[float] = None,
        target_price: Optional[float] = None,
        stop_price: Optional[float] = None,
        atr: Optional[float] = None,
        exit_reason: Optional[str] = None,
        wait: bool = True,
    ) -> Answer:
        """Records a closed trade. It is durable when this returns; with ``wait=False`` when ``memory.flush()`` returns."""
        params = {
            "session": self.id,
            "decision_id": decision_id,
            "votes": None if votes is None else _votes(votes),
            "situation": _situation(situation),
            "description": description,
            "as_of": _time(as_of),
            "asset": asset,
            "action": action,
            "entry_timestamp": _time(entry_timestamp),
            "exit_timestamp": _time(exit_timestamp),
            "entry_price": entry_price,
            "exit_price": exit_price,
            "position_size": position_size,
            "fees": fees,
            "raw_entry_price": raw_entry_price,
            "raw_exit_price": raw_exit_price,
            "target_price": target_price,
            "stop_price": stop_price,
            "atr": atr,
            "exit_reason": exit_reason,
        }
        if wait:
            return self.memory.call("record_outcome", params)
        self.memory.call_later("record_outcome", params)
        return {}

    def close(self) -> Answer:
        """Commits what is left, and returns the summary of the session's run."""
        self.memory.flush()
        return self.memory.call("close_session", {"session": self.id})


def _refusal(error: Mapping[str, Any]) -> CarryoverError:
    data = error.get("data", {})
    return CarryoverError(error["message"], data.get("code", "BUG"), data.get("field"))


def _find_command() -> List[str]:
    """The server of the clone that this file is in, else the installed command."""
    script = Path(__file__).resolve().parent.parent / "scripts" / "serve.ts"
    if script.exists():
        for engine, flags in (("bun", []), ("node", []), ("deno", ["run", "-A"])):
            path = shutil.which(engine)
            if path is not None:
                return [path, *flags, str(script)]
    installed = shutil.which("carryover")
    if installed is not None:
        return [installed, "serve"]
    raise CarryoverError(
        f'Cannot start the server: found neither a clone of Carryover around "{Path(__file__).resolve()}" with Bun, Node or Deno, '
        'nor the command "carryover". Say where a clone is: '
        'Carryover("data/memory", command=["bun", "/path/to/carryover/scripts/serve.ts"])',
        "NOT_FOUND",
    )


def _votes(votes: Mapping[str, Vote]) -> List[Dict[str, Any]]:
    cast: List[Dict[str, Any]] = []
    for provider, vote in votes.items():
        if isinstance(vote, (tuple, list)):
            action, confidence = vote
            cast.append({"provider": provider, "action": action, "confidence": confidence})
        elif vote is not None:
            cast.append({"provider": provider, **vote})
    return cast


def _situation(situation: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """What is not a number is not known, such as an indicator before it has enough bars."""
    if situation is None:
        return None
    return {name: None if value != value else value for name, value in situation.items()}


def _time(time: Optional[Time]) -> Union[str, int, None]:
    if not isinstance(time, datetime):
        return time
    aware = time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    return aware.replace(tzinfo=None).isoformat() + "Z"


def _plain(value: Any) -> Any:
    """Numbers of numpy and pandas as those of Python."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"Cannot send {type(value).__name__}: expected a number, a text, a list or a map")


_ENCODER = json.JSONEncoder(default=_plain, allow_nan=False, separators=(",", ":"))
