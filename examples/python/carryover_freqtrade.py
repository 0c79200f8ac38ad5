"""A freqtrade strategy of three rules. Carryover's memory weighs their votes and sizes the stake.

Copy it and python/carryover.py to user_data/strategies, then: freqtrade backtesting --strategy CarryoverStrategy
"""

from datetime import datetime, timedelta
from typing import Optional

from carryover import Carryover
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from pandas import DataFrame

PROVIDERS = ("trend", "reversion", "breakout")


class CarryoverStrategy(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1h"
    stoploss = -0.03
    minimal_roi = {"0": 0.045}
    startup_candle_count = 100
    process_only_new_candles = True

    def bot_start(self, **kwargs) -> None:
        mine = self.config.get("carryover", {})
        self.memory = Carryover(mine.get("memory_dir", "user_data/memory"))
        mode = "live" if self.config["runmode"].value in ("live", "dry_run") else "backtest"
        settings = {"portfolio_memory": {"enabled": mine.get("enabled", True)}}
        self.session = self.memory.open_session(engine="freqtrade", mode=mode, providers=PROVIDERS, settings=settings)
        self.decisions: dict = {}
        self.recorded: set = set()

    def bot_loop_start(self, current_time: datetime, **kwargs) -> None:
        """Reports trades that have closed."""
        for trade in Trade.get_trades_proxy(is_open=False):
            decision_id = trade.get_custom_data("decision_id")
            if decision_id is None or decision_id in self.recorded:
                continue
            self.recorded.add(decision_id)
            self.session.record_outcome(
                decision_id=decision_id,
                as_of=current_time,
                asset=trade.pair,
                action="SELL" if trade.is_short else "BUY",
                entry_timestamp=trade.open_date_utc,
                exit_timestamp=trade.close_date_utc,
                entry_price=trade.open_rate,
                exit_price=trade.close_rate,
                position_size=trade.amount,
                stop_price=trade.initial_stop_loss,
                fees=trade.amount * (trade.open_rate * trade.fee_open + trade.close_rate * trade.fee_close),
                exit_reason=trade.exit_reason,
            )

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        close = dataframe["close"]
        fast, slow = close.ewm(span=20).mean(), close.ewm(span=80).mean()
        dataframe["gap_pct"] = 100 * (fast / slow - 1)
        dataframe["zscore"] = (close - close.rolling(20).mean()) / close.rolling(20).std()
        dataframe["breakout"] = close > dataframe["high"].shift().rolling(48).max()
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        asked = (dataframe["gap_pct"] > 0) | (dataframe["zscore"] < -1.5) | dataframe["breakout"]
        dataframe.loc[asked, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def custom_stake_amount(
        self, pair: str, current_time: datetime, current_rate: float, proposed_stake: float,
        min_stake: Optional[float], max_stake: float, leverage: float, entry_tag: Optional[str], side: str, **kwargs
    ) -> float:
        """Asks memory, and stakes the share that the expected result allows."""
        candles, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        last = candles.iloc[-1]
        votes = {
            "trend": "BUY" if last["gap_pct"] > 0 else "SELL",
            "reversion": "BUY" if last["zscore"] < 0 else "SELL",
            "breakout": "BUY" if last["breakout"] else "HOLD",
        }
        decision = self.session.decide(
            as_of=current_time,
            asset=pair,
            price=current_rate,
            stop=current_rate * (1 + self.stoploss),
            votes={name: (action, 60) for name, action in votes.items()},
            situation={name: last[name] for name in ("gap_pct", "zscore")},
        )
        self.decisions[pair] = decision
        return proposed_stake * decision["size_scale"]

    def confirm_trade_entry(
        self, pair: str, order_type: str, amount: float, rate: float, time_in_force: str,
        current_time: datetime, entry_tag: Optional[str], side: str, **kwargs
    ) -> bool:
        return self.decisions[pair]["action"] == "BUY"

    def order_filled(self, pair: str, trade: Trade, order, current_time: datetime, **kwargs) -> None:
        if order.ft_order_side == trade.entry_side:
            trade.set_custom_data("decision_id", self.decisions[pair]["decision_id"])

    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, current_rate: float, current_profit: float, **kwargs
    ) -> Optional[str]:
        """Leaves after five days."""
        if current_time - trade.open_date_utc > timedelta(days=5):
            return "timeout"
        return None


