"""Three rules vote in backtesting.py. Carryover's memory weighs the votes and sizes the trades.

python examples/python/backtesting_py.py [MEMORY_DIR]
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.test import GOOG, SMA

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from carryover import Carryover  # noqa: E402

DAY = pd.Timedelta(days=1)
CASH = 100_000


class Ensemble(Strategy):
    session = None

    def init(self):
        self.fast, self.slow, self.year = (self.I(SMA, self.data.Close, n) for n in (10, 40, 200))
        self.recorded = 0

    def next(self):
        now = self.data.index[-1] + DAY  # A bar is known at its end.
        self.record(now)
        if self.trades:
            if now - self.trades[-1].entry_time > 15 * DAY:
                self.position.close()
            return
        price, fast, slow, year = self.data.Close[-1], self.fast[-1], self.slow[-1], self.year[-1]
        votes = {"trend": fast > slow, "reversion": price < fast, "season": price > year}
        decision = self.session.decide(
            as_of=now, asset="GOOG", price=price, stop=price * 0.95,
            votes={name: ("BUY" if is_up else "SELL", 60) for name, is_up in votes.items()},
            situation={"trend_pct": 100 * (fast / slow - 1), "stretched_pct": 100 * (price / fast - 1)},
        )
        if decision["action"] != "HOLD":
            side, sign = (self.buy, 1) if decision["action"] == "BUY" else (self.sell, -1)
            units = int(0.01 * self.equity * decision["size_scale"] / (0.05 * price))  # 1 % at risk, at most
            if units > 0:
                side(size=units, sl=price * (1 - 0.05 * sign), tag=decision["decision_id"])

    def record(self, now):
        for trade in self.closed_trades[self.recorded :]:
            self.session.record_outcome(
                decision_id=trade.tag, as_of=now, asset="GOOG", action="BUY" if trade.size > 0 else "SELL",
                entry_timestamp=trade.entry_time, exit_timestamp=trade.exit_time, entry_price=trade.entry_price,
                exit_price=trade.exit_price, position_size=abs(trade.size),
                fees=trade._commissions, wait=False,  # no public name has it; stats["_trades"] calls it Commission
            )
        self.recorded = len(self.closed_trades)


def run(memory, *, enabled):
    """One backtest, with memory or without: its trades, its result, and the weights at its end."""
    settings = {"portfolio_memory": {"enabled": enabled}, "backtest": {"initial_balance": CASH}}
    providers = ["trend", "reversion", "season"]
    with memory.open_session(engine="backtesting.py", mode="backtest", providers=providers, settings=settings) as session:
        strategy = type("Ensemble", (Ensemble,), {"session": session})
        stats = Backtest(GOOG, strategy, cash=CASH, commission=0.001, finalize_trades=True).run()
        stats["_strategy"].record(GOOG.index[-1] + DAY)  # what finalize_trades closed after the last next()
        return stats, memory.provider_weights(as_of=GOOG.index[-1] + DAY, session=session)


if __name__ == "__main__":
    with Carryover(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) as memory:
        (off, _), (on, weights) = (run(memory, enabled=enabled) for enabled in (False, True))
    for name, stats in (("off", off), ("on", on)):
        trades = stats["_trades"]
        print(
            f"memory {name:3}  {len(trades)} trades of {trades['Size'].abs().mean():.1f} shares on average, "
            f"return {stats['Return [%]']:.1f} %, drawdown {-stats['Max. Drawdown [%]']:.1f} %"
        )
    both = off["_trades"].merge(on["_trades"], on="EntryTime", suffixes=("_off", "_on"))
    same = both[both["Size_off"] * both["Size_on"] > 0]
    smaller = (same["Size_on"].abs() < same["Size_off"].abs()).sum()
    print(f"{len(same)} trades are in both, {smaller} of them smaller with memory; they made "
          f"{same['PnL_off'].sum():.0f} without memory and {same['PnL_on'].sum():.0f} with it")
    print("weights at the end: " + ", ".join(f"{provider} {weight:.2f}" for provider, weight in weights.items()))
