"""Runs freqtrade's own backtest of a strategy without its exchange: python freqtrade_backtest.py STRATEGY_DIR BARS_CSV WORK true|false

The exchange's markets are made up, as freqtrade's own tests do. Everything else is freqtrade.
"""

import json
import sys
from pathlib import Path
from unittest.mock import PropertyMock, patch

import pandas as pd
from freqtrade.enums import RunMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.configuration import TimeRange

strategies, bars, work, enabled = sys.argv[1:]
PAIR = "BTC/USDT"
folder = Path(work) / "data"
folder.mkdir(parents=True, exist_ok=True)
frame = pd.read_csv(bars).rename(columns={"timestamp": "date"})
frame["date"] = pd.to_datetime(frame["date"], utc=True)
frame[["date", "open", "high", "low", "close", "volume"]].reset_index(drop=True).to_feather(folder / "BTC_USDT-1h.feather")

market = {
    "id": "BTCUSDT", "symbol": PAIR, "base": "BTC", "quote": "USDT", "active": True, "spot": True, "swap": False, "linear": None,
    "type": "spot", "contractSize": None, "precision": {"price": 0.01, "amount": 0.00001}, "info": {}, "taker": 0.001, "maker": 0.001,
    "limits": {"amount": {"min": 0.00001, "max": 1e9}, "price": {"min": None, "max": None}, "cost": {"min": 5, "max": None},
               "leverage": {"min": None, "max": None}},
}
config = {
    "runmode": RunMode.BACKTEST, "strategy": "CarryoverStrategy", "strategy_path": strategies, "timeframe": "1h", "dry_run": True,
    "datadir": folder, "user_data_dir": Path(work), "dataformat_ohlcv": "feather", "exportfilename": Path(work) / "result.json",
    "exportdirectory": Path(work), "export": "none", "stake_currency": "USDT", "stake_amount": 1000, "max_open_trades": 1, "dry_run_wallet": 10000,
    "fee": 0.001, "trading_mode": "spot", "margin_mode": "", "candle_type_def": "spot", "pairs": [PAIR], "enable_protections": False,
    "timerange": "20210201-20210901", "entry_pricing": {"price_side": "same", "use_order_book": False}, "exit_pricing": {"price_side": "same", "use_order_book": False},
    "exchange": {"name": "binance", "key": "", "secret": "", "pair_whitelist": [PAIR], "pair_blacklist": []},
    "pairlists": [{"method": "StaticPairList"}], "original_config": {}, "internals": {}, "unfilledtimeout": {"entry": 10, "exit": 30, "unit": "minutes"},
    "order_types": {"entry": "limit", "exit": "limit", "stoploss": "limit", "stoploss_on_exchange": False},
    "carryover": {"memory_dir": str(Path(work) / "memory"), "enabled": enabled == "true"},
    "cancel_open_orders_on_exit": False, "backtest_cache": "none",
}
with (
    patch.object(Exchange, "reload_markets"),
    patch.object(Exchange, "validate_config"),
    patch.object(Exchange, "validate_timeframes"),
    patch.object(Exchange, "_init_ccxt"),
    patch.object(Exchange, "markets", PropertyMock(return_value={PAIR: market})),
    patch.object(Exchange, "precisionMode", PropertyMock(return_value=4)),
    patch.object(Exchange, "precision_mode_price", PropertyMock(return_value=4)),
    patch.object(Exchange, "timeframes", PropertyMock(return_value=["1h"])),
    patch.object(Exchange, "get_fee", return_value=0.001),
    patch.object(Exchange, "close"),
):
    backtesting = Backtesting(config)
    backtesting.start()
    strategy = backtesting.strategylist[0]
    trades = backtesting.results["strategy"]["CarryoverStrategy"]["trades"] if backtesting.results else []
    weights = strategy.memory.provider_weights(as_of="2021-09-01", session=strategy.session)
    summary = strategy.session.close()
    strategy.memory.close()
print(json.dumps({
    "trades": [[str(t["open_date"]), t["stake_amount"], t["profit_abs"], t["exit_reason"]] for t in trades],
    "weights": weights, "outcomes": summary["outcomes"],
}))
