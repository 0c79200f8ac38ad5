#!/usr/bin/env python3
"""Peer of bench/year.ts: one moving-average strategy over the same bars with backtesting.py, without memory and files.

    python3 bench/peers/sma_cross.py DATA_DIR START END ASSET...     END is exclusive; prints one line of JSON

The cash is such that whole units of every asset can be bought: backtesting.py rounds sizes down to whole numbers.
"""
import json
import sys
import time
import warnings

started = time.perf_counter()
import pandas as pd  # noqa: E402
from backtesting import Backtest, Strategy  # noqa: E402
from backtesting.lib import crossover  # noqa: E402

imported = time.perf_counter()
warnings.simplefilter("ignore")


def mean(values, bars):
    return pd.Series(values).rolling(bars).mean()


class SmaCross(Strategy):
    def init(self):
        self.fast = self.I(mean, self.data.Close, 20)
        self.slow = self.I(mean, self.data.Close, 80)

    def next(self):
        if crossover(self.fast, self.slow):
            self.position.close()
            self.buy()
        elif crossover(self.slow, self.fast):
            self.position.close()
            self.sell()


folder, start, end, *assets = sys.argv[1:]
trades, bars = 0, 0
for asset in assets:
    data = pd.read_csv(f"{folder}/{asset}_1h.csv", index_col=0, parse_dates=True)
    data = data[(data.index >= pd.Timestamp(start, tz="UTC")) & (data.index < pd.Timestamp(end, tz="UTC"))]
    data.columns = [name.title() for name in data.columns]
    stats = Backtest(data, SmaCross, cash=10_000_000, commission=0.0005).run()
    trades, bars = trades + int(stats["# Trades"]), bars + len(data)
done = time.perf_counter()
print(json.dumps({"imports": 1e3 * (imported - started), "without_imports": 1e3 * (done - imported), "trades": trades, "bars": bars}))
