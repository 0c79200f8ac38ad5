#!/bin/sh
# A live bot in 20 lines. Votes come in, memory says how much to trade, and closed trades are reported.
#   bun scripts/serve.ts --http    prints the URL and the token
#   CARRYOVER_URL=http://127.0.0.1:8787 CARRYOVER_TOKEN=... examples/live-bot.sh [true|false] < signals
# A line of signals: opened closed entry exit vote-of-trend vote-of-news
rpc() {
  curl -sS "$CARRYOVER_URL/rpc" -H "Authorization: Bearer $CARRYOVER_TOKEN" -H "Content-Type: application/json" \
    -d "$(printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}' "$1" "$2")" | jq -ce '.result // ("\(.error.message? // .error)\n" | halt_error)'
}
opened=$(rpc open_session '{"engine":"live-bot","mode":"live","resume":false,"providers":["trend","news"],
  "settings":{"portfolio_memory":{"enabled":'"${1:-true}"'}}}') || exit 1
session=$(echo "$opened" | jq .session)
while read -r opened closed entry exit trend news; do
  decision=$(rpc decide '{"session":'"$session"',"as_of":"'"$opened"'","asset":"BTCUSD","price":'"$entry"',"atr":'"$((entry / 100))"',
    "votes":[{"provider":"trend","action":"'"$trend"'","confidence":60},{"provider":"news","action":"'"$news"'","confidence":50}]}') || exit 1
  action=$(echo "$decision" | jq -r .action)
  [ "$action" = HOLD ] && continue
  # Here the bot trades. This one waits for nothing: it knows how the trade ended.
  rpc record_outcome "$(echo "$decision" | jq -c '{session: '"$session"', decision_id, action, position_size: .size_scale, asset: "BTCUSD",
    as_of: "'"$closed"'", entry_timestamp: "'"$opened"'", exit_timestamp: "'"$closed"'", entry_price: '"$entry"', exit_price: '"$exit"'}')" |
    jq -r '"\(.decision_id) \(.realized_pnl) \(.result_r) R"' || exit 1
  now=$closed
done
rpc provider_weights '{"session":'"$session"',"as_of":"'"$now"'"}' | jq -c .weights
