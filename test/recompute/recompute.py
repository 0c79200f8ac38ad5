#!/usr/bin/env python3
"""
Recomputes a backtest from its bars and votes alone and compares the result with the files of the run.

It knows only docs/RULES.md and the record formats, and shares no code with the backtester. So if both agree, they agree on
what that page says. From a decision line it takes the time, the asset and the votes; without --weights also what was learned:
weights, calibrated confidences and the scale of sizes. It computes and compares all else: indicators, regimes, actions, sizes,
orders, skips, fills, costs, exits, equity and metrics.

    python3 recompute.py --bars data/market --config config.json --start 2021-01-01 --end 2022-01-01 \
        --decisions 'data/memory/runs/<run_id>/*.decisions.ndjson' --outcomes data/memory --run-id <run_id> \
        --summary data/memory/runs/<run_id>/summary.json --chunks data/memory/runs/<run_id> --weights

Exit code 0: all equal. 1: up to 20 differences are printed. 2: wrong usage or input that cannot be read.
Python 3.8 or later, standard library only.
"""

import argparse
import csv
import glob
import gzip
import json
import math
import os
import re
import sys
from bisect import bisect_left, bisect_right, insort
from datetime import datetime, timedelta, timezone

HOUR = 3_600_000
DAY = 24 * HOUR
PERIOD = 14
RANK_BARS = 2160
VOLATILE_SHARE = 0.85
USUAL_ADX, USUAL_ADX_BARS = 25, 720
FIRST_DECISION_BAR = 100
CORRELATION_SPAN = 30 * DAY
CORRELATION_BARS = 100
TIE = 1e-9
MIN_SCALE = 0.02
SCALE_REACH = 0.05
SLOW_DECAY = 0.9942404238175473
FAST_DECAY = 0.9330329915368074
PRIOR_MEAN = 0.10
PRIOR_STRENGTH = 6
PRIOR_SQUARE, PRIOR_SQUARE_TRADES = 0.75, 60
FLOOR_ERRORS = 0.5
CHANGE_DOUBT = 2
PRIOR_ENSEMBLE = 0.05
TREND_DOUBT, CONFIDENCE_DOUBT = 1.5, 2
MIN_EVIDENCE, MIN_SPREAD = 5, 1e-9
REGIME_STRENGTH = 120
CONFIDENCE_SHARE = 0.25

RELATIVE = 1e-6
PRICE_FLOOR = 1e-15  # prices and units can be tiny: nearly only the relative tolerance holds
MONEY_FLOOR = 1e-9  # money, percent and ratios: a difference of large numbers can be near 0


class InputError(Exception):
    """The input cannot be used."""


# ---------------------------------------------------------------- reading


def parse_time(value):
    """ISO 8601 (without a zone: UTC) or epoch ms, as epoch ms."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value)
    text = str(value).strip()
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    # before Python 3.11 only 3 or 6 digits of a second's fraction are read
    text = re.sub(r"\.(\d{1,6})\d*", lambda found: "." + found.group(1).ljust(6, "0"), text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"not a time: {value!r}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def iso(ms):
    moment = datetime(1970, 1, 1) + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds") + "Z"


def parse_span(value):
    """`90s`, `15m`, `4h`, `5d` or `1w` as ms."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", str(value).strip())
    if not found:
        raise InputError(f"not a span of time: {value!r}")
    unit = {"ms": 1, "s": 1000, "m": 60_000, "h": HOUR, "d": DAY, "w": 7 * DAY}[found.group(2)]
    return round(float(found.group(1)) * unit)


class Settings:
    """The part of the config that trades depend on."""

    def __init__(self, config):
        part = config.get("backtest", config)
        self.assets = list(part.get("assets", ["BTCUSD", "ETHUSD", "EURUSD"]))
        self.timeframe_name = part.get("timeframe", "1h")
        self.timeframe = parse_span(self.timeframe_name)
        self.interval = parse_span(part.get("decision_interval", "4h"))
        if self.interval % self.timeframe:
            raise InputError("the timeframe does not divide decision_interval")
        self.initial_balance = part.get("initial_balance", 10000)
        self.max_positions = part.get("max_positions", 3)
        self.correlation_threshold = part.get("correlation_threshold", 0.9)
        risk = part.get("risk", {})
        self.per_trade_pct = risk.get("per_trade_pct", 1)
        self.stop_atr = risk.get("stop_atr", 3)
        self.target_atr = risk.get("target_atr", 4.5)
        self.max_holding = parse_span(risk.get("max_holding", "5d"))
        self.leverage = risk.get("leverage", 1)
        self.close_on_hold = risk.get("close_on_hold", False)
        self.costs = {}
        for asset in self.assets:
            costs = {"fee_bps": 5, "spread_bps": 2, "slippage_bps": 2}
            costs.update(part.get("costs") or {})
            costs.update((part.get("asset_costs") or {}).get(asset) or {})
            self.costs[asset] = costs
        memory = config.get("portfolio_memory") or {}
        self.memory_enabled = memory.get("enabled", True)
        self.learning_rate = memory.get("learning_rate", 0.1)
        self.max_memory_size = memory.get("max_memory_size", 1000)


class Series:
    """An asset's bars from the start of its file up to the run's end, and what is known at each close."""

    def __init__(self, asset, rows, timeframe, regimes_adapt):
        self.asset = asset
        self.regimes_adapt = regimes_adapt
        self.start = [row[0] for row in rows]
        self.open = [row[1] for row in rows]
        self.high = [row[2] for row in rows]
        self.low = [row[3] for row in rows]
        self.close = [row[4] for row in rows]
        for before, after in zip(self.start, self.start[1:]):
            if after <= before:
                raise InputError(f"{asset}: bar {iso(after)} does not come after {iso(before)}")
        self.index = {start: i for i, start in enumerate(self.start)}
        self.tick, self.clock = bar_times(self.start, timeframe)
        self.index_of_tick = {tick: i for i, tick in enumerate(self.tick)}
        self.atr = average_true_range(self)
        self.rsi = relative_strength(self.close)
        self.adx = directional_index(self)
        self.rank = volatility_ranks(self.atr, self.close)
        self.usual_adx = usual_adx(self.adx)
        self.ema_fast, self.ema_slow = exponential(self.close, 20), exponential(self.close, 80)

    def regime(self, i):
        if self.rank[i] >= VOLATILE_SHARE:
            return "VOLATILE"
        usual = self.usual_adx[i] if self.regimes_adapt else 25
        return "TRENDING" if self.adx[i] >= usual else "RANGING"

    def trend(self, i):
        """How clearly the market trends, -1 to 1."""
        by_adx = clamp((self.adx[i] - 25) / 15, -1, 1)
        apart = abs(self.ema_fast[i] - self.ema_slow[i])
        by_averages = min(1, apart / (4 * self.atr[i])) if self.atr[i] > 0 else 0
        return by_adx / 2 + by_averages - 0.5


def bar_times(starts, timeframe):
    """Of each bar its tick, and the whole timeframes on the asset's own clock at its start."""
    ticks, clock = [], []
    for i, start in enumerate(starts):
        end = start + timeframe
        if i + 1 < len(starts):
            after = starts[i + 1]
            if after < end or (timeframe > HOUR and after == end + HOUR):
                end = after
        ticks.append(end - timeframe)
        if i == 0:
            clock.append(start // timeframe)
        else:
            clock.append(clock[-1] + max(1, math.ceil((start - starts[i - 1]) / timeframe - 0.5)))
    return ticks, clock


def day_time(tick, timeframe):
    """A time in the day to which a bar belongs."""
    return tick if timeframe < DAY else tick + 13 * HOUR


def read_bars(folder, asset, timeframe_name, timeframe, end, regimes_adapt):
    path = os.path.join(folder, f"{asset}_{timeframe_name}.csv")
    if os.path.exists(path):
        file = open(path, newline="", encoding="utf-8-sig")
    elif os.path.exists(path + ".gz"):
        file = gzip.open(path + ".gz", "rt", newline="", encoding="utf-8-sig")
    else:
        raise InputError(f"no bars: {path}")
    with file:
        reader = csv.reader(file)
        header = [name.strip().lower() for name in next(reader)]
        try:
            columns = [header.index(name) for name in ("timestamp", "open", "high", "low", "close")]
        except ValueError as error:
            raise InputError(f"{path}: {error}")
        rows = []
        for cells in reader:
            if not cells:
                continue
            start = parse_time(cells[columns[0]])
            if start < end:
                rows.append((start, *(float(cells[column]) for column in columns[1:])))
    return Series(asset, rows, timeframe, regimes_adapt)


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}")


def read_decisions(paths):
    """The lines of all files as (file, line)."""
    lines = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                lines.extend((path, json.loads(text)) for text in file if text.strip())
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: {error}")
    return lines


# ---------------------------------------------------------------- indicators


def wilder(values, first):
    """Wilder's average of values[first:], as long as `values`, None before it exists."""
    result = [None] * len(values)
    seed_at = first + PERIOD - 1
    if len(values) > seed_at:
        average = sum(values[first : seed_at + 1]) / PERIOD
        result[seed_at] = average
        for i in range(seed_at + 1, len(values)):
            average = average + (values[i] - average) / PERIOD
            result[i] = average
    return result


def true_ranges(bars):
    ranges = []
    for i in range(len(bars.start)):
        high, low = bars.high[i], bars.low[i]
        if i == 0:
            ranges.append(high - low)
        else:
            before = bars.close[i - 1]
            ranges.append(max(high - low, abs(high - before), abs(low - before)))
    return ranges


def average_true_range(bars):
    return wilder(true_ranges(bars), 0)


def relative_strength(close):
    changes = [0.0] + [after - before for before, after in zip(close, close[1:])]
    gains = wilder([max(change, 0.0) for change in changes], 1)
    losses = wilder([max(-change, 0.0) for change in changes], 1)
    result = []
    for gain, loss in zip(gains, losses):
        if gain is None or gain + loss == 0:
            result.append(None)
        else:
            result.append(100 * gain / (gain + loss))
    return result


def directional_index(bars):
    plus, minus = [], []
    for i in range(len(bars.start)):
        up = bars.high[i] - bars.high[i - 1] if i else 0.0
        down = bars.low[i - 1] - bars.low[i] if i else 0.0
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)
    plus, minus, span = wilder(plus, 0), wilder(minus, 0), bars.atr
    spread = [0.0] * len(bars.start)
    for i in range(PERIOD - 1, len(bars.start)):
        if span[i] > 0 and plus[i] + minus[i] > 0:
            di_plus, di_minus = 100 * plus[i] / span[i], 100 * minus[i] / span[i]
            spread[i] = 100 * abs(di_plus - di_minus) / (di_plus + di_minus)
    return wilder(spread, PERIOD - 1)


def volatility_ranks(atr, close):
    """Share of the values of ATR/close over the last 2,160 bars, this one included, that lie below this one."""
    values = [None if a is None else a / c for a, c in zip(atr, close)]
    window, ranks = [], []
    for i, value in enumerate(values):
        leaving = values[i - RANK_BARS] if i >= RANK_BARS else None
        if leaving is not None:
            del window[bisect_left(window, leaving)]
        if value is None:
            ranks.append(None)
            continue
        insort(window, value)
        ranks.append(bisect_left(window, value) / len(window))
    return ranks


def usual_adx(adx):
    """Mean of the last 2,160 values, this one included, and of 25 counted 720 times."""
    sums, counts, result = [0.0], [0], []
    for i, value in enumerate(adx):
        sums.append(sums[-1] + (value or 0.0))
        counts.append(counts[-1] + (value is not None))
        first = max(0, i + 1 - RANK_BARS)
        total, count = sums[-1] - sums[first], counts[-1] - counts[first]
        result.append((USUAL_ADX * USUAL_ADX_BARS + total) / (USUAL_ADX_BARS + count))
    return result


def exponential(close, bars):
    result = []
    for value in close:
        before = result[-1] if result else value
        result.append(before + (value - before) * 2 / (bars + 1))
    return result


class Correlations:
    """Pearson correlations of simple returns between consecutive common bars."""

    def __init__(self, series, timeframe):
        self.series = series
        self.timeframe = timeframe
        self.pairs = {}

    def of(self, one, other, now):
        key = (one, other) if one < other else (other, one)
        if key not in self.pairs:
            a, b = self.series[key[0]], self.series[key[1]]
            starts = [start for start in a.start if start in b.index]
            self.pairs[key] = (
                starts,
                [max(a.tick[a.index[start]], b.tick[b.index[start]]) for start in starts],
                simple_returns([a.close[a.index[start]] for start in starts]),
                simple_returns([b.close[b.index[start]] for start in starts]),
            )
        starts, ticks, a, b = self.pairs[key]
        high = bisect_right(ticks, now - self.timeframe)
        in_span = bisect_left(starts, now - CORRELATION_SPAN)
        low = min(in_span, high - CORRELATION_BARS)
        if low < 0 or in_span >= high:
            return None
        return pearson(a[low : high - 1], b[low : high - 1])


def simple_returns(values):
    return [after / before - 1 for before, after in zip(values, values[1:])]


def pearson(xs, ys):
    n = len(xs)
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    xs = [x - mean_x for x in xs]
    ys = [y - mean_y for y in ys]
    xx = sum(x * x for x in xs)
    yy = sum(y * y for y in ys)
    if xx <= 0 or yy <= 0:
        return None
    return sum(x * y for x, y in zip(xs, ys)) / math.sqrt(xx * yy)


# ---------------------------------------------------------------- votes


def abstains(vote):
    return vote.get("error") is not None


def clamp(value, low, high):
    return max(low, min(high, value))


def decide(votes, weights, calibrated):
    """The action of an ensemble and its confidence before calibration."""
    sums = {"BUY": 0.0, "SELL": 0.0, "HOLD": 0.0}
    confidences = {"BUY": [], "SELL": [], "HOLD": []}
    for vote in votes:
        if not abstains(vote):
            confidence = calibrated.get(vote["provider"], 0)
            sums[vote["action"]] += weights.get(vote["provider"], 0) * confidence / 100
            confidences[vote["action"]].append(confidence)
    winner = max(sums, key=sums.get)
    best = sums[winner]
    tie = any(best - total <= TIE for action, total in sums.items() if action != winner)
    if tie or best <= 0:
        return "HOLD", 0.0
    mean = sum(confidences[winner]) / len(confidences[winner])
    return winner, min(100.0, mean * (0.8 + 0.4 * best / sum(sums.values())))


def bin_of(confidence):
    return int(clamp(math.floor(confidence / 10), 0, 9))


class RememberedTrade:
    """A closed trade as learning sees it. Trades are in the order of exit, then decision id."""

    def __init__(self, exit_time, key, result_r, regime, trend, raw_confidence, votes):
        self.order = (exit_time, key)
        self.exit, self.result_r, self.regime, self.trend = exit_time, result_r, regime, trend
        self.raw_confidence = raw_confidence
        self.votes = votes  # provider -> (+1 or -1, confidence)


class Lessons:
    """What the trades of a window teach as of `now`."""

    def __init__(self, providers, window, now, learning_rate):
        self.providers = providers
        self.strength = PRIOR_STRENGTH / learning_rate
        trades = [trade for trade in window if trade.result_r is not None]
        ages = {id(trade): (now - trade.exit) // DAY for trade in trades}
        self.slow = {key: SLOW_DECAY**age for key, age in ages.items()}
        self.fast = {key: FAST_DECAY**age for key, age in ages.items()}
        self.trades = trades
        mass = sum(self.slow.values())
        squares = sum(self.slow[id(trade)] * trade.result_r**2 for trade in trades)
        self.variance = (squares + PRIOR_SQUARE * PRIOR_SQUARE_TRADES) / (mass + PRIOR_SQUARE_TRADES)
        total = sum(self.slow[id(trade)] * trade.result_r for trade in trades)
        self.whole = (PRIOR_ENSEMBLE * self.strength + total) / (mass + self.strength)
        # provider -> [(slow factor, fast factor, evidence, bin of confidence, trend)]
        self.evidence = {
            provider: [
                (
                    self.slow[id(trade)],
                    self.fast[id(trade)],
                    trade.votes[provider][0] * trade.result_r,
                    bin_of(trade.votes[provider][1]),
                    trade.trend,
                )
                for trade in trades
                if provider in trade.votes
            ]
            for provider in providers
        }
        self.means = {provider: self.mean(self.evidence[provider]) for provider in providers}
        self.slopes = self.trend_slopes()
        self.offsets = {provider: self.bin_offsets(self.evidence[provider]) for provider in providers}

    def mean(self, evidence):
        n = sum(f for f, _, _, _, _ in evidence)
        total = sum(f * e for f, _, e, _, _ in evidence)
        long = (PRIOR_MEAN * self.strength + total) / (self.strength + n)
        recent = sum(g for _, g, _, _, _ in evidence)
        if not recent:
            return long
        change = sum(g * e for _, g, e, _, _ in evidence) / recent - total / n
        chance = CHANGE_DOUBT * self.variance * max(0, 1 / (recent + 1) - 1 / (n + 1))
        if change**2 <= chance:
            return long
        return long + change * (1 - (chance / change**2) ** 2)

    def trend_slopes(self):
        """provider -> (slope, mean trend)"""
        found, excess, spreads = {}, 0.0, 0.0
        for provider, evidence in self.evidence.items():
            n = sum(f for f, _, _, _, _ in evidence)
            centre = sum(f * x for f, _, _, _, x in evidence) / n if n else 0.0
            spread = sum(f * (x - centre) ** 2 for f, _, _, _, x in evidence)
            product = sum(f * (x - centre) * e for f, _, e, _, x in evidence)
            if n < MIN_EVIDENCE or spread < MIN_SPREAD:
                spread = 0.0
            else:
                excess += product**2 / (spread * self.variance) - TREND_DOUBT
                spreads += spread
            found[provider] = (spread, product, centre)
        between = max(0.0, excess * self.variance / spreads) if spreads else 0.0
        return {
            provider: (product * between / (spread * between + self.variance) if spread else 0.0, centre)
            for provider, (spread, product, centre) in found.items()
        }

    def bin_offsets(self, evidence):
        n = sum(f for f, _, _, _, _ in evidence)
        if not n:
            return {}
        mean = sum(f * e for f, _, e, _, _ in evidence) / n
        bins = {}
        for f, _, e, number, _ in evidence:
            mass, beyond = bins.get(number, (0.0, 0.0))
            bins[number] = (mass + f, beyond + f * (e - mean))
        excess = sum(beyond**2 / (mass * self.variance) for mass, beyond in bins.values())
        excess -= CONFIDENCE_DOUBT * (len(bins) - 1)
        spread = n - sum(mass**2 for mass, _ in bins.values()) / n
        between = max(0.0, excess * self.variance / spread) if spread > MIN_SPREAD else 0.0
        return {
            number: beyond * between / (mass * between + self.variance) for number, (mass, beyond) in bins.items()
        }

    def expected_r(self, votes, trend):
        """provider -> what trading its vote is expected to earn before costs"""
        expected_r = {}
        for vote in votes:
            provider = vote["provider"]
            slope, centre = self.slopes[provider]
            expected_r[provider] = self.means[provider] + slope * (trend - centre)
            if not abstains(vote) and vote["action"] != "HOLD":
                expected_r[provider] += self.offsets[provider].get(bin_of(vote["confidence"]), 0.0)
        return expected_r

    def weights(self, votes, trend):
        counted = {}
        for provider, value in self.expected_r(votes, trend).items():
            n = sum(f for f, _, _, _, _ in self.evidence[provider])
            counted[provider] = max(FLOOR_ERRORS * math.sqrt(self.variance / (self.strength + n)), value)
        whole = sum(counted.values())
        return {provider: value / whole for provider, value in counted.items()}

    def calibrated(self, votes):
        result = {}
        for vote in votes:
            evidence = self.evidence[vote["provider"]]
            if abstains(vote) or vote["confidence"] == 0:
                result[vote["provider"]] = 0.0
                continue
            n = sum(f for f, _, _, _, _ in evidence)
            wins = sum(f for f, _, e, _, _ in evidence if e > 0)
            share = (0.5 * self.strength + wins) / (self.strength + n) + CONFIDENCE_SHARE * (vote["confidence"] / 100 - 0.5)
            if vote["action"] != "HOLD":
                here = [(f, e) for f, _, e, number, _ in evidence if number == bin_of(vote["confidence"])]
                share = (self.strength * share + sum(f for f, e in here if e > 0)) / (
                    self.strength + sum(f for f, _ in here)
                )
            result[vote["provider"]] = 100 * clamp(share, 0, 1)
        return result

    def confidence(self, raw):
        faded = [(self.slow[id(trade)], trade) for trade in self.trades]
        base = (0.5 * self.strength + sum(f for f, trade in faded if trade.result_r > 0)) / (
            self.strength + sum(f for f, _ in faded)
        )
        here = [(f, trade) for f, trade in faded if bin_of(trade.raw_confidence) == bin_of(raw)]
        wins = sum(f for f, trade in here if trade.result_r > 0)
        return 100 * clamp((self.strength * base + wins) / (self.strength + sum(f for f, _ in here)), 0, 1)

    def net_r(self, action, votes, regime, trend, cost):
        """What a position is expected to earn after costs."""
        expected_r = self.expected_r(votes, trend)
        by_votes = sum(
            expected_r[vote["provider"]] * (1 if vote["action"] == action else -1)
            for vote in votes
            if not abstains(vote) and vote["action"] != "HOLD"
        )
        here = [(self.slow[id(trade)], trade.result_r) for trade in self.trades if trade.regime == regime]
        mean = (REGIME_STRENGTH * self.whole + sum(f * r for f, r in here)) / (
            REGIME_STRENGTH + sum(f for f, _ in here)
        )
        return min(mean, by_votes) - cost


# ---------------------------------------------------------------- the simulation


class Waiting:
    """An order for the asset's next open. With `direction` 0 it only closes."""

    def __init__(self, kind, direction, size, atr, decision):
        self.kind, self.direction, self.size, self.atr, self.decision = kind, direction, size, atr, decision


class Position:
    def __init__(self, direction, size, atr, decision, entered, raw_entry, entry, settings):
        self.direction, self.size, self.decision = direction, size, decision
        self.entered, self.raw_entry, self.entry = entered, raw_entry, entry
        self.risk_per_unit = settings.stop_atr * atr
        self.stop = raw_entry - direction * settings.stop_atr * atr
        self.target = raw_entry + direction * settings.target_atr * atr

    def open_profit(self, raw_close):
        return self.direction * (raw_close - self.entry) * self.size


class Backtest:
    def __init__(self, settings, series, start, end, lines, learning):
        self.settings, self.series, self.start, self.end = settings, series, start, end
        self.lines = lines  # (decision time, asset) -> line
        self.learning = learning  # None, or (learning_rate, max_memory_size)
        self.correlations = Correlations(series, settings.timeframe)
        self.balance = settings.initial_balance
        self.positions, self.waiting, self.last_close = {}, {}, {}
        self.decisions, self.trades, self.marks = [], [], []
        self.closed_now = []
        self.exposed_ticks = 0
        self.notional = 0.0
        self.skips = {"max_positions": 0, "correlation": 0, "size": 0}
        self.not_filled = 0
        self.memory = []  # sorted
        self.lessons_at = {}

    def run(self):
        settings = self.settings
        owned, days = {}, []
        for asset in settings.assets:
            for start, tick in zip(self.series[asset].start, self.series[asset].tick):
                if self.start <= tick:
                    owned.setdefault(tick, []).append(asset)
                if self.start <= start:
                    days.append(day_time(start, settings.timeframe))
        if settings.timeframe > DAY:
            self.days_a_year = 365 * DAY / settings.timeframe
        else:
            self.days_a_year = 365 if any(weekday(day) == 6 for day in days) else 252
        for tick in sorted(owned):
            self.tick(tick, owned[tick])
        self.finish()
        return self

    def tick(self, tick, assets):
        settings = self.settings
        bars = [(asset, self.series[asset], self.series[asset].index_of_tick[tick]) for asset in assets]
        for asset, series, i in bars:
            self.at_open(asset, tick, series.start[i], series.open[i])
        for asset, series, i in bars:
            self.inside(asset, tick, series.start[i], series.open[i], series.high[i], series.low[i])
            self.last_close[asset] = series.close[i]
        self.record()
        now = tick + settings.timeframe
        equity = self.equity()
        for asset, series, i in bars:
            own_end = (series.clock[i] + 1) * settings.timeframe
            if own_end % settings.interval == 0 and i >= FIRST_DECISION_BAR - 1:
                self.decision(asset, series, i, now, equity)
        self.marks.append((tick, self.equity()))
        self.exposed_ticks += bool(self.positions)

    def equity(self):
        return self.balance + sum(
            position.open_profit(self.last_close[asset]) for asset, position in self.positions.items()
        )

    def fill_price(self, asset, raw, side):
        costs = self.settings.costs[asset]
        return raw * (1 + side * (costs["spread_bps"] / 2 + costs["slippage_bps"]) / 10_000)

    def at_open(self, asset, tick, start, raw):
        position = self.positions.get(asset)
        order = self.waiting.pop(asset, None)
        if order and position:
            self.close(asset, tick, start, raw, "hold" if order.kind == "hold" else "reversed")
        elif position and start >= position.entered + self.settings.max_holding:
            self.close(asset, tick, start, raw, "timeout")
        if order and order.direction:
            entry = self.fill_price(asset, raw, order.direction)
            self.positions[asset] = Position(
                order.direction, order.size, order.atr, order.decision, start, raw, entry, self.settings
            )
            self.notional += entry * order.size

    def inside(self, asset, tick, start, opened, high, low):
        position = self.positions.get(asset)
        if not position:
            return
        end = tick + self.settings.timeframe
        if position.direction > 0:
            stop_at_open, target_at_open = opened <= position.stop, opened >= position.target
            stop_touched, target_touched = low <= position.stop, high >= position.target
        else:
            stop_at_open, target_at_open = opened >= position.stop, opened <= position.target
            stop_touched, target_touched = high >= position.stop, low <= position.target
        if stop_at_open:
            self.close(asset, tick, start, opened, "stop")
        elif target_at_open:
            self.close(asset, tick, start, opened, "target")
        elif stop_touched:
            self.close(asset, tick, end, position.stop, "stop")
        elif target_touched:
            self.close(asset, tick, end, position.target, "target")

    def close(self, asset, bar, moment, raw, reason):
        position = self.positions.pop(asset)
        costs = self.settings.costs[asset]
        direction, size, entry = position.direction, position.size, position.entry
        exit_price = self.fill_price(asset, raw, -direction)
        both_raw = position.raw_entry + raw
        fee = costs["fee_bps"] / 10_000 * (entry + exit_price) * size
        pnl = direction * (exit_price - entry) * size - fee
        risk = position.risk_per_unit
        result_r = max(-3.0, min(3.0, direction * (raw - position.raw_entry) / risk)) if risk else None
        decision = position.decision
        self.balance += pnl
        self.notional += exit_price * size
        trade = {
            "bar": bar,
            "decision": decision,
            "asset_pair": asset,
            "action": "BUY" if direction > 0 else "SELL",
            "decision_timestamp": decision["time"],
            "entry_timestamp": position.entered,
            "exit_timestamp": moment,
            "entry_price": entry,
            "exit_price": exit_price,
            "raw_entry_price": position.raw_entry,
            "raw_exit_price": raw,
            "stop_price": position.stop,
            "target_price": position.target,
            "position_size": size,
            "risk_per_unit": risk,
            "realized_pnl": pnl,
            "pnl_percentage": 100 * pnl / (entry * size),
            "result_r": result_r,
            "fee_cost": fee,
            "spread_cost": costs["spread_bps"] / 2 / 10_000 * both_raw * size,
            "slippage_cost": costs["slippage_bps"] / 10_000 * both_raw * size,
            "holding_period_hours": (moment - position.entered) / HOUR,
            "exit_reason": reason,
            "regime": decision["situation"]["regime"],
            "was_profitable": pnl > 0,
            "hit_stop_loss": reason == "stop",
            "hit_take_profit": reason == "target",
            "decision_confidence": decision["confidence"],
            "raw_confidence": decision["raw_confidence"],
            "expected_r": decision["expected_r"],
            "volatility": decision["situation"]["volatility_pct"],
        }
        self.closed_now.append(trade)

    def record(self):
        for trade in self.closed_now:
            self.trades.append(trade)
            if self.learning:
                decision = trade["decision"]
                # the order of decision ids: the time to the minute, then the asset
                moment = datetime(1970, 1, 1) + timedelta(milliseconds=decision["time"])
                key = f"{moment:%Y%m%dT%H%M}-{trade['asset_pair']}-"
                votes = {
                    vote["provider"]: (1 if vote["action"] == trade["action"] else -1, vote["confidence"])
                    for vote in decision["votes"]
                    if not abstains(vote) and vote["action"] != "HOLD"
                }
                regime, trend, raw = trade["regime"], decision["trend"], decision["raw_confidence"]
                self.remember(
                    RememberedTrade(trade["exit_timestamp"], key, trade["result_r"], regime, trend, raw, votes)
                )
        self.closed_now = []

    def remember(self, entry):
        index = len(self.memory)
        while index and self.memory[index - 1].order > entry.order:
            index -= 1
        self.memory.insert(index, entry)

    def lessons(self, providers, now):
        rate, limit = self.learning
        key = (now, tuple(providers))
        if key not in self.lessons_at:
            visible = len(self.memory)
            while visible and self.memory[visible - 1].exit >= now:
                visible -= 1
            window = self.memory[max(0, visible - limit) : visible]
            self.lessons_at = {key: Lessons(providers, window, now, rate)}
        return self.lessons_at[key]

    def cost_in_r(self, asset, close, atr):
        if not atr > 0:
            return 0
        costs = self.settings.costs[asset]
        points = 2 * costs["fee_bps"] + costs["spread_bps"] + 2 * costs["slippage_bps"]
        return points / 10_000 * close / (self.settings.stop_atr * atr)

    def direction_after_orders(self, asset):
        """The direction of an asset's position after its waiting order; 0 when flat."""
        order = self.waiting.get(asset)
        if order:
            return order.direction
        position = self.positions.get(asset)
        return position.direction if position else 0

    def decision(self, asset, series, i, now, equity):
        settings = self.settings
        line = self.lines.get((now, asset))
        votes = line["votes"] if line else []
        action, raw = decide(votes, line["weights"], line["calibrated"]) if line else ("HOLD", 0.0)
        atr, close = series.atr[i], series.close[i]
        # without --weights, what was learned is taken from the line
        learned = {
            "weights": None,
            "calibrated": None,
            "confidence": line["confidence"] if line else raw,
            "expected_r": line["expected_r"] if line else None,
            "size_scale": clamp(line["size_scale"], MIN_SCALE, 1) if line else 1,
        }
        if not settings.memory_enabled:
            learned = {
                "weights": {vote["provider"]: 1 / len(votes) for vote in votes},
                "calibrated": {vote["provider"]: vote["confidence"] for vote in votes},
                "confidence": raw,
                "expected_r": None,
                "size_scale": 1,
            }
        elif self.learning and line:
            lessons = self.lessons([vote["provider"] for vote in votes], now)
            net = None
            if action != "HOLD":
                cost = self.cost_in_r(asset, close, atr)
                net = lessons.net_r(action, votes, series.regime(i), series.trend(i), cost)
            learned = {
                "weights": lessons.weights(votes, series.trend(i)),
                "calibrated": lessons.calibrated(votes),
                "confidence": raw if action == "HOLD" else lessons.confidence(raw),
                "expected_r": net,
                "size_scale": 1 if net is None else clamp(net / SCALE_REACH, MIN_SCALE, 1),
            }
        decision = {
            "time": now,
            "asset": asset,
            "votes": votes,
            "line": line,
            "situation": {
                "close": close,
                "atr": atr,
                "rsi": series.rsi[i],
                "adx": series.adx[i],
                "regime": series.regime(i),
                "volatility_pct": 100 * atr / close,
                "volatility_rank": series.rank[i],
            },
            "trend": series.trend(i),
            "action": action,
            "raw_confidence": raw,
            **learned,
            "equity": equity,
            "order": "none",
            "size": None,
            "skipped": None,
        }
        self.decisions.append(decision)
        direction = {"BUY": 1, "SELL": -1, "HOLD": 0}[action]
        current = self.direction_after_orders(asset)
        if not direction:
            if current and settings.close_on_hold and not all(abstains(vote) for vote in votes):
                decision["order"] = "close"
                self.waiting[asset] = Waiting("hold", 0, None, None, decision)
            return
        if direction == current:
            return
        risk = settings.stop_atr * atr
        wanted = equity * settings.per_trade_pct / 100
        size = wanted / risk if risk else math.copysign(math.inf, wanted)
        size = min(size, equity * settings.leverage / settings.max_positions / close)
        size *= learned["size_scale"]
        reason = self.skip_reason(asset, direction, size, now)
        if reason:
            decision["skipped"] = reason
            self.skips[reason] += 1
            if current:
                decision["order"] = "close"
                self.waiting[asset] = Waiting("close", 0, None, None, decision)
            return
        decision["size"] = size
        decision["order"] = "reverse" if current else "open"
        self.waiting[asset] = Waiting(decision["order"], direction, size, atr, decision)

    def skip_reason(self, asset, direction, size, now):
        settings = self.settings
        others = [other for other in settings.assets if other != asset and self.direction_after_orders(other)]
        if len(others) >= settings.max_positions:
            return "max_positions"
        for other in others:
            if self.direction_after_orders(other) == direction:
                correlation = self.correlations.of(asset, other, now)
                if correlation is not None and correlation > settings.correlation_threshold:
                    return "correlation"
        if not size > 0:
            return "size"
        return None

    def finish(self):
        self.not_filled = len(self.waiting)
        self.waiting = {}
        for asset in self.settings.assets:
            if asset in self.positions:
                series = self.series[asset]
                tick = series.tick[-1]
                self.close(asset, tick, tick + self.settings.timeframe, series.close[-1], "end_of_run")
        self.record()
        if self.marks:
            self.marks[-1] = (self.marks[-1][0], self.equity())


# ---------------------------------------------------------------- metrics


def weekday(ms):
    """0 is Sunday."""
    return (ms // DAY + 4) % 7


def annual_ratios(marks, initial, timeframe, days_a_year):
    """(Sharpe, Sortino) of the daily returns."""
    days = {}
    for tick, equity in marks:
        moment = day_time(tick, timeframe)
        day = moment // DAY
        if days_a_year == 252 and weekday(moment) == 0:
            day += 1
        days[day] = equity
    returns, before = [], initial
    for day in sorted(days):
        returns.append(days[day] / before - 1)
        before = days[day]
    n = len(returns)
    if not n:
        return None, None
    mean = sum(returns) / n
    sharpe = sortino = None
    if n > 1:
        deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / (n - 1))
        if deviation > 0:
            sharpe = mean / deviation * math.sqrt(days_a_year)
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in returns) / n)
    if downside > 0:
        sortino = mean / downside * math.sqrt(days_a_year)
    return sharpe, sortino


def max_drawdown_pct(marks):
    peak, worst = -math.inf, 0.0
    for _, equity in marks:
        peak = max(peak, equity)
        if peak > 0:
            worst = max(worst, 100 * (peak - equity) / peak)
    return worst


def chunk_metrics(test, start, end, initial):
    marks = test.marks[bisect_left(test.marks, (start,)) : bisect_left(test.marks, (end,))]
    trades = [trade for trade in test.trades if start <= trade["bar"] < end]
    final = marks[-1][1] if marks else initial
    wins = sum(trade["realized_pnl"] > 0 for trade in trades)
    sharpe, sortino = annual_ratios(marks, initial, test.settings.timeframe, test.days_a_year)
    gained = sum(trade["realized_pnl"] for trade in trades if trade["realized_pnl"] > 0)
    lost = sum(-trade["realized_pnl"] for trade in trades if trade["realized_pnl"] < 0)
    years = (end - start) / (365 * DAY)
    return {
        "initial_balance": initial,
        "final_value": final,
        "return_pct": 100 * (final / initial - 1),
        "sharpe_ratio": sharpe,
        "sortino_ratio": sortino,
        "cagr_pct": 100 * ((final / initial) ** (1 / years) - 1) if years > 0 and final > 0 else None,
        "max_drawdown_pct": max_drawdown_pct(marks),
        "total_trades": len(trades),
        "winning_trades": wins,
        "win_rate": 100 * wins / len(trades) if trades else None,
        "profit_factor": gained / lost if lost > 0 else None,
        "total_pnl": sum(trade["realized_pnl"] for trade in trades),
    }


# ---------------------------------------------------------------- comparing


class Differences:
    def __init__(self):
        self.lines = []

    def add(self, what, expected, found):
        self.lines.append(f"{what}: expected {show(expected)}, found {show(found)}")

    def compare(self, what, expected, found, floor=MONEY_FLOOR, relative=RELATIVE):
        if not same(expected, found, floor, relative):
            self.add(what, expected, found)

    def time(self, what, expected, found):
        try:
            equal = parse_time(found) == expected
        except (InputError, TypeError):
            equal = False
        if not equal:
            self.add(what, iso(expected), found)


def show(value):
    return value if isinstance(value, str) else json.dumps(value)


def same(expected, found, floor, relative):
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    numbers = isinstance(expected, (int, float)), isinstance(found, (int, float))
    if all(numbers):
        return abs(expected - found) <= max(floor, relative * max(abs(expected), abs(found)))
    return not any(numbers) and expected == found


PRICES = {
    "entry_price", "exit_price", "raw_entry_price", "raw_exit_price", "stop_price", "target_price", "position_size",
    "risk_per_unit", "close", "atr", "size",
}  # fmt: skip
OUTCOME_TIMES = ("decision_timestamp", "entry_timestamp", "exit_timestamp")
OUTCOME_FIELDS = (
    "asset_pair", "action", "entry_price", "exit_price", "raw_entry_price", "raw_exit_price", "stop_price",
    "target_price", "position_size", "risk_per_unit", "realized_pnl", "pnl_percentage", "result_r", "fee_cost",
    "spread_cost", "slippage_cost", "holding_period_hours", "exit_reason", "regime", "was_profitable", "hit_stop_loss",
    "hit_take_profit", "decision_confidence", "raw_confidence", "expected_r", "volatility",
)  # fmt: skip
CHUNK_FIELDS = (
    "initial_balance", "final_value", "return_pct", "sharpe_ratio", "max_drawdown_pct", "total_trades",
    "winning_trades", "win_rate", "total_pnl",
)  # fmt: skip
MISSING = "(absent)"


def floor_of(field):
    return PRICE_FLOOR if field in PRICES else MONEY_FLOOR


def index_lines(lines, differences):
    """Decision lines by time and asset. A line that is not a decision is a difference."""
    indexed = {}
    for path, line in lines:
        try:
            key = (parse_time(line["timestamp"]), line["asset"])
            votes = line["votes"]
            names = [vote["provider"] for vote in votes]
            well_formed = isinstance(line["weights"], dict) and all(
                abstains(vote)
                or (vote["action"] in ("BUY", "SELL", "HOLD") and 0 <= vote["confidence"] <= 100)
                for vote in votes
            )
        except (KeyError, TypeError, InputError) as error:
            differences.add(f"decision line of {os.path.basename(path)}", "a decision", repr(error))
            continue
        name = f"decision {iso(key[0])} {key[1]}"
        if not well_formed:
            differences.add(f"{name} votes", "BUY, SELL or HOLD with a confidence of 0..100, and weights", votes)
            continue
        if key in indexed:
            differences.add(name, "one line", "two lines")
            continue
        if sorted(names) != sorted(line["weights"]):
            differences.add(f"{name} weights of", sorted(names), sorted(line["weights"]))
        elif names:
            differences.compare(f"{name} sum of weights", 1, sum(line["weights"].values()))
        indexed[key] = line
    return indexed


def compare_decisions(test, lines, differences):
    known = set()
    for decision in test.decisions:
        key = (decision["time"], decision["asset"])
        known.add(key)
        name = f"decision {iso(key[0])} {key[1]}"
        line = decision["line"]
        if line is None:
            differences.add(name, "a line", "none")
            continue
        found = line.get("situation") or {}
        for field, expected in decision["situation"].items():
            differences.compare(f"{name} situation.{field}", expected, found.get(field, MISSING), floor_of(field))
        for field in (
            *("action", "raw_confidence", "confidence", "equity", "expected_r", "size_scale", "order", "size", "skipped"),
        ):
            differences.compare(f"{name} {field}", decision[field], line.get(field, MISSING), floor_of(field))
        for part in ("weights", "calibrated"):
            for provider, expected in (decision[part] or {}).items():
                differences.compare(f"{name} {part}.{provider}", expected, line[part].get(provider, MISSING), 1e-6, 0)
    for key in sorted(set(lines) - known):
        differences.add(f"decision {iso(key[0])} {key[1]}", "none", "a line")


def read_outcomes(folder, run_id, differences):
    if not os.path.isdir(folder):
        raise InputError(f"no folder of outcomes: {folder}")
    outcomes = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "outcome_*.json"))):
        outcome = read_json(path)
        if outcome.get("run_id") != run_id:
            continue
        name = os.path.basename(path)
        if name != f"outcome_{outcome.get('decision_id')}.json":
            differences.add(f"decision_id of {name}", name[8:-5], outcome.get("decision_id"))
        try:
            key = (outcome.get("asset_pair"), parse_time(outcome.get("decision_timestamp")))
        except InputError:
            differences.add(f"{name} decision_timestamp", "a time", outcome.get("decision_timestamp"))
            continue
        if key in outcomes:
            differences.add(f"outcome {iso(key[1])} {key[0]}", "one file", f"also {name}")
            continue
        outcomes[key] = outcome
    return outcomes


def compare_outcomes(test, outcomes, spans, differences):
    known = set()
    for trade in test.trades:
        key = (trade["asset_pair"], trade["decision_timestamp"])
        known.add(key)
        name = f"outcome {iso(key[1])} {key[0]}"
        found = outcomes.get(key)
        if found is None:
            differences.add(name, f"a file ({trade['exit_reason']} at {iso(trade['exit_timestamp'])})", "none")
            continue
        for field in OUTCOME_TIMES:
            differences.time(f"{name} {field}", trade[field], found.get(field))
        for field in OUTCOME_FIELDS:
            differences.compare(f"{name} {field}", trade[field], found.get(field, MISSING), floor_of(field))
        line = trade["decision"]["line"]
        if line.get("decision_id") != found.get("decision_id"):
            differences.add(f"{name} decision_id", line.get("decision_id"), found.get("decision_id"))
        for field, expected in trade["decision"]["situation"].items():
            value = (found.get("situation") or {}).get(field, MISSING)
            differences.compare(f"{name} situation.{field}", expected, value, floor_of(field))
        if line["votes"] != found.get("votes"):
            differences.add(f"{name} votes", line["votes"], found.get("votes"))
        voters = sorted(vote["provider"] for vote in line["votes"] if not abstains(vote))
        if voters != sorted(found.get("ensemble_providers") or []):
            differences.add(f"{name} ensemble_providers", voters, found.get("ensemble_providers"))
        chunk = found.get("chunk")
        span = spans.get(chunk) or calendar_span(chunk)
        if not span:
            differences.add(f"{name} chunk", "a chunk of the run", chunk)
        elif not span[0] <= trade["bar"] < span[1]:
            differences.add(f"{name} chunk", f"the one that owns {iso(trade['bar'])}", chunk)
    for asset, time in sorted(set(outcomes) - known, key=lambda key: (key[1], str(key[0]))):
        differences.add(f"outcome {iso(time)} {asset}", "none", "a file")


def calendar_span(name):
    """The span that the name of a chunk means, or None."""
    text = str(name)

    def ms(moment):
        return (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)

    try:
        found = re.fullmatch(r"(\d{4})Q([1-4])", text)
        if found:
            year, month = int(found.group(1)), 3 * int(found.group(2)) - 2
            return ms(datetime(year, month, 1)), ms(datetime(year + month // 10, (month + 2) % 12 + 1, 1))
        found = re.fullmatch(r"(\d{4})-(\d{2})", text)
        if found:
            year, month = int(found.group(1)), int(found.group(2))
            return ms(datetime(year, month, 1)), ms(datetime(year + month // 12, month % 12 + 1, 1))
        found = re.fullmatch(r"(\d{4})W(\d{2})", text)
        if found:
            monday = ms(datetime.strptime(f"{text}-1", "%GW%V-%u"))
            return monday, monday + 7 * DAY
        found = re.fullmatch(r"(\d{4}-\d{2}-\d{2})_(\d+)d", text)
        if found:
            first = parse_time(found.group(1))
            return first, first + int(found.group(2)) * DAY
    except (ValueError, InputError):
        pass
    return None


def chunk_spans(summary, start, end, differences):
    """Chunk name -> (start, end), from the summary. Together they must cover the run."""
    spans, border = {}, start
    for entry in summary.get("quarterly_breakdown") or []:
        name = entry.get("quarter")
        try:
            span = parse_time(entry["start_date"]), parse_time(entry["end_date"])
        except (KeyError, InputError) as error:
            differences.add(f"chunk {name} dates", "start_date and end_date", str(error))
            continue
        if span[0] != border:
            differences.add(f"chunk {name} start_date", iso(border), entry["start_date"])
        border = span[1]
        meant = calendar_span(name)
        if not meant or span[0] < meant[0] or span[1] > meant[1] or span[1] <= span[0]:
            differences.add(f"chunk {name} span", "one that its name means", f"{iso(span[0])} to {iso(span[1])}")
        if name in spans:
            differences.add(f"chunk {name}", "one entry", "two entries")
        spans[name] = span
    if border != end:
        differences.add("end_date of the last chunk", iso(end), iso(border))
    return spans


def compare_summary(test, metrics, summary, run_id, differences):
    initial = test.settings.initial_balance
    for field, expected in (
        ("run_id", run_id),
        ("initial_balance", initial),
        ("final_balance", initial + metrics["total_pnl"]),
        ("total_return_pct", metrics["return_pct"]),
        ("annualized_sharpe", metrics["sharpe_ratio"]),
        ("max_drawdown_pct", metrics["max_drawdown_pct"]),
        ("total_trades", metrics["total_trades"]),
        ("total_winning_trades", metrics["winning_trades"]),
        ("overall_win_rate", metrics["win_rate"]),
        ("total_pnl", metrics["total_pnl"]),
    ):
        differences.compare(f"summary {field}", expected, summary.get(field, MISSING))


def compare_scores(outcomes, summary, differences):
    """RULES.md, "Scores", from the stored outcomes, whose own fields are compared elsewhere."""
    for name, field in (("before_calibration", "raw_confidence"), ("after_calibration", "decision_confidence")):
        pairs = [(o[field] / 100, 1.0 if o["result_r"] > 0 else 0.0) for o in outcomes]
        found = (summary.get("confidence") or {}).get(name, MISSING)
        if len(pairs) < 30:
            differences.compare(f"summary confidence {name}", None, found)
        else:
            compare_score(pairs, found, name, differences)


def compare_score(pairs, found, name, differences):
    n = len(pairs)
    rate = sum(o for _, o in pairs) / n
    bins = {}
    for p, o in pairs:
        bins.setdefault(min(9, math.floor(100 * p / 10)), []).append((p, o))
    parts = [(len(b), sum(p for p, _ in b) / len(b), sum(o for _, o in b) / len(b)) for b in bins.values()]
    kept = [(min(1 - 1e-15, max(1e-15, p)), o) for p, o in pairs]
    expected = {
        "trades": n,
        "win_rate": 100 * rate,
        "brier": sum((p - o) ** 2 for p, o in pairs) / n,
        "brier_of_win_rate": rate * (1 - rate),
        "log_loss": -sum(math.log(p if o else 1 - p) for p, o in kept) / n,
        "ece": sum(k * abs(p - o) for k, p, o in parts) / n,
        "reliability": sum(k * (p - o) ** 2 for k, p, o in parts) / n,
        "resolution": sum(k * (o - rate) ** 2 for k, _, o in parts) / n,
    }
    for field, value in expected.items():
        differences.compare(f"summary confidence {name} {field}", value, (found or {}).get(field, MISSING))


def compare_learned(outcomes, summary, differences):
    """RULES.md, "What was learned": evidence and regret, from the stored outcomes."""
    sums = {}
    for name, provider in (summary.get("providers") or {}).items():
        found = provider.get("evidence") or {}
        evidence = []
        for outcome in outcomes:
            for vote in outcome["votes"]:
                if vote["provider"] == name and vote["action"] != "HOLD" and not vote.get("error"):
                    agrees = vote["action"] == outcome["action"]
                    evidence.append(outcome["result_r"] if agrees else -outcome["result_r"])
        n = len(evidence)
        mean = sum(evidence) / n if n else None
        error = math.sqrt(sum((e - mean) ** 2 for e in evidence) / (n - 1) / n) if n > 1 else None
        expected = {"trades": n, "sum_r": sum(evidence), "mean_r": mean, "standard_error_r": error}
        for field, value in expected.items():
            differences.compare(f"summary {name} evidence {field}", value, found.get(field, MISSING))
        if n:
            sums[name] = sum(evidence)
    regret = summary.get("regret")
    if not sums:
        differences.compare("summary regret", None, regret)
        return
    ensemble = sum(outcome["result_r"] for outcome in outcomes)
    differences.compare("summary regret_r", max(sums.values()) - ensemble, (regret or {}).get("regret_r", MISSING))


def compare_breakdown(by_chunk, summary, differences):
    for entry in summary.get("quarterly_breakdown") or []:
        name = entry.get("quarter")
        for field in CHUNK_FIELDS if name in by_chunk else ():
            differences.compare(
                f"summary chunk {name} {field}", by_chunk[name][field], entry.get(field, MISSING)
            )


def compare_chunk_files(folder, lines, spans, by_chunk, timeframe, differences):
    """Each chunk's own files: decisions are at its own bars, and its figures are those of the breakdown."""
    for name in spans:
        path = os.path.join(folder, f"{name}.json")
        if not os.path.exists(path):
            differences.add(f"chunk {name}", "a file", f"no {path}")
            continue
        content = read_json(path)
        for field in CHUNK_FIELDS:
            if field in content:
                differences.compare(f"{name}.json {field}", by_chunk[name][field], content[field])
    for path, line in lines:
        name = os.path.basename(path)
        suffix = ".decisions.ndjson"
        if not name.endswith(suffix):
            continue
        name = name[: -len(suffix)]
        span = spans.get(name) or calendar_span(name)
        try:
            bar = parse_time(line["timestamp"]) - timeframe
        except (KeyError, InputError):
            continue  # reported already
        if not span:
            differences.add(f"decisions of {name}", "a chunk of the run", path)
        elif not span[0] <= bar < span[1]:
            differences.add(f"decision {line['timestamp']} {line.get('asset')}", "a line of its own chunk", name)


# ---------------------------------------------------------------- the command


def arguments():
    parser = argparse.ArgumentParser(
        description="Recompute a backtest from bars and votes and compare it with the files of the run."
    )
    parser.add_argument("--bars", required=True, metavar="DIR", help="folder of <ASSET>_<timeframe>.csv")
    parser.add_argument("--config", required=True, metavar="FILE", help="the config as JSON, keys as in config.yaml")
    parser.add_argument("--start", required=True, metavar="TIME")
    parser.add_argument("--end", required=True, metavar="TIME", help="exclusive")
    parser.add_argument("--decisions", required=True, nargs="+", metavar="FILE", help="ndjson files or patterns")
    parser.add_argument("--outcomes", required=True, metavar="DIR", help="folder of outcome_*.json")
    parser.add_argument("--run-id", required=True, metavar="ID")
    parser.add_argument("--summary", metavar="FILE", help="compare the run's and the chunks' figures too")
    parser.add_argument("--chunks", metavar="DIR", help="compare <chunk>.json too, and which chunk a decision is in")
    parser.add_argument("--weights", action="store_true", help="recompute what was learned (for a run that carried nothing in)")
    parser.add_argument("--learning-rate", type=float, metavar="R", help="default: as the config, else 0.1")
    parser.add_argument("--max-memory-size", type=int, metavar="N", help="default: as the config, else 1000")
    parser.add_argument("--metrics", action="store_true", help="print the recomputed figures as JSON to stderr")
    return parser.parse_args()


def main():
    options = arguments()
    config = read_json(options.config)
    settings = Settings(config)
    start, end = parse_time(options.start), parse_time(options.end)
    if start >= end:
        raise InputError("--start must come before --end")
    paths = []
    for pattern in options.decisions:
        matching = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern))
        if not matching:
            raise InputError(f"no decisions: {pattern}")
        paths.extend(matching)
    series = {
        asset: read_bars(
            options.bars, asset, settings.timeframe_name, settings.timeframe, end, settings.memory_enabled
        )
        for asset in settings.assets
    }

    differences = Differences()
    raw_lines = read_decisions(paths)
    lines = index_lines(raw_lines, differences)
    learning = None
    if options.weights:
        rate = settings.learning_rate if options.learning_rate is None else options.learning_rate
        limit = settings.max_memory_size if options.max_memory_size is None else options.max_memory_size
        learning = (rate, limit)
    test = Backtest(settings, series, start, end, lines, learning).run()
    outcomes = read_outcomes(options.outcomes, options.run_id, differences)

    summary = read_json(options.summary) if options.summary else None
    spans = chunk_spans(summary, start, end, differences) if summary else {}
    if options.chunks and not summary:
        suffix = ".decisions.ndjson"
        for path in sorted(glob.glob(os.path.join(glob.escape(options.chunks), "*" + suffix))):
            name = os.path.basename(path)[: -len(suffix)]
            span = calendar_span(name)
            if span:
                spans[name] = max(span[0], start), min(span[1], end)
    metrics = chunk_metrics(test, start, end, settings.initial_balance)
    by_chunk, balance = {}, settings.initial_balance
    for name, span in sorted(spans.items(), key=lambda item: item[1]):
        by_chunk[name] = chunk_metrics(test, span[0], span[1], balance)
        balance = by_chunk[name]["final_value"]

    compare_decisions(test, lines, differences)
    compare_outcomes(test, outcomes, spans, differences)
    if summary:
        compare_summary(test, metrics, summary, options.run_id, differences)
        compare_breakdown(by_chunk, summary, differences)
        compare_scores(list(outcomes.values()), summary, differences)
        compare_learned(list(outcomes.values()), summary, differences)
    if options.chunks:
        compare_chunk_files(options.chunks, raw_lines, spans, by_chunk, settings.timeframe, differences)

    if options.metrics:
        ticks = len(test.marks)
        metrics["exposure_pct"] = 100 * test.exposed_ticks / ticks if ticks else None
        metrics["turnover"] = test.notional / settings.initial_balance
        metrics["skipped"] = test.skips
        metrics["not_filled"] = test.not_filled
        print(json.dumps(metrics, indent=2), file=sys.stderr)

    counts = f"{len(test.decisions)} decisions, {len(test.trades)} trades recomputed"
    if not differences.lines:
        print(f"{counts}: all equal")
        return 0
    for text in differences.lines[:20]:
        print(text)
    print(f"{counts}: {len(differences.lines)} differences")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(f"recompute: {error}", file=sys.stderr)
        sys.exit(2)
