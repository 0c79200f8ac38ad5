/** Mutations that change no behaviour, so that no test can catch them. */

/** A mutation of a file, and why it changes nothing. */
export interface Equivalent {
  readonly file: string;
  /** As the run prints it: `from -> to`, the first lines of both. */
  readonly mutation: string;
  /** Text of its line, where a mutation comes more than once. */
  readonly near?: string;
  /** Which of those with the same text, counted from 1. @default all */
  readonly nth?: number;
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: "lib/backtest/broker.ts",
    mutation: "0 -> 1",
    near: "this.#realizedPnl.set(asset,",
    reason: "Every asset of the settings has an entry from the start.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "0 -> 1",
    near: "let meanX = 0",
    reason: "The first return replaces the mean, whatever it was.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "0 -> 1",
    near: "let meanY = 0",
    reason: "The first return replaces the mean, whatever it was.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation:
      "barA.timestamp < options.from || barB.timestamp < options.from -> barA.timestamp < options.from && barB.timestamp < options.from",
    reason: "No two bars before the window have one time after its start: the walk only goes on longer.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "next.a / barA.close - 1 -> next.a / barA.close + 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "1 -> 2",
    near: "next.a / barA.close - 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "next.b / barB.close - 1 -> next.b / barB.close + 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "1 -> 2",
    near: "next.b / barB.close - 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/judge.ts",
    mutation: "best <= 0 -> best < 0",
    reason: "If the best sum is 0, all three are, and tie.",
  },
  {
    file: "lib/backtest/loop.ts",
    mutation: "decidingFeeds.length > 0 -> decidingFeeds.length >= 0",
    reason: "Lessons are computed for nobody, which takes time and changes nothing.",
  },
  {
    file: "lib/backtest/loop.ts",
    mutation: "next >= chunk.endMs -> next > chunk.endMs",
    reason: "A chunk ends at a midnight, where a day ends as well.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "const NO_EVIDENCE",
    reason: "No result, so the bin is not read.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "column.insert(0, index)",
    reason: "The value is replaced in the next line.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "let slowFactor = 0",
    reason: "The first trade replaces the factor.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "let quickFactor = 0",
    reason: "The first trade replaces the factor.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "age < days * DAY_MS -> age <= days * DAY_MS",
    reason: "At the border the days are the same.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "0 -> 1",
    near: "let index = 0",
    reason: "The first draw replaces it.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "sum / n -> sum * n",
    reason: "A factor of all covariances, of which only ratios are used.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "variance > 0 -> variance >= 0",
    reason: "Without variance the long-run variance is 0 as well, and 1 is returned for that.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "Math.floor(Math.log10(n)) -> Math.ceil(Math.log10(n))",
    reason: "At most 5 either way, up to 100,000 values.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation:
      "Math.abs(covariance(lag)) < significant * variance -> Math.abs(covariance(lag)) <= significant * variance",
    reason: "No float is equal to a bound with a square root of a logarithm.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "first + run -> first - run",
    reason: "Where this border matters, twice the lag is beyond the longest one, which then counts either way.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "first + run - 1 -> first + run + 1",
    reason: "Where this border matters, twice the lag is beyond the longest one, which then counts either way.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "first + run - 1 < longest -> first + run - 1 <= longest",
    reason: "Where this border matters, twice the lag is beyond the longest one, which then counts either way.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "1 -> 2",
    near: "while (first + run - 1 < longest",
    nth: 1,
    reason: "Where this border matters, twice the lag is beyond the longest one, which then counts either way.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "1 -> 2",
    near: "const bandwidth",
    reason: "Where this border matters, twice the lag is beyond the longest one, which then counts either way.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "lag <= bandwidth -> lag < bandwidth",
    reason: "The last lag has a weight of 0.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "slope += 2 * flatTop * lag * covariance(lag) -> slope -= 2 * flatTop * lag * covariance(lag)",
    reason: "Only its square is used.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "0 -> 1",
    near: "if (longRun === 0)",
    reason: "Guards a division that no series of floats reaches.",
  },
  {
    file: "lib/stats/bootstrap.ts",
    mutation: "1 -> 2",
    near: "if (longRun === 0)",
    reason: "Guards a division that no series of floats reaches.",
  },
  {
    file: "lib/storage/sealed-json.ts",
    mutation: "1 -> 2",
    near: "options.maxBytes + 1",
    reason: "One more byte is read of a file that is refused anyway.",
  },
  {
    file: "lib/backup/prune.node.ts",
    mutation: "0 -> 1",
    near: "slice(0, 10)",
    reason: "The years of backups differ in more than their first digit.",
  },
  {
    file: "lib/backup/prune.node.ts",
    mutation: "0 -> 1",
    near: "slice(0, 7)",
    reason: "The years of backups differ in more than their first digit.",
  },
  {
    file: "lib/backup/prune.node.ts",
    mutation: "0 -> 1",
    near: "slice(0, 4)",
    reason: "The years of backups differ in more than their first digit.",
  },
  {
    file: "lib/storage/group-commit.node.ts",
    mutation: "false -> true",
    near: "finish: () => false",
    reason: "Nobody reads what settle() resolves to.",
  },
  {
    file: "lib/memory/store.ts",
    mutation: "moved.length === 0 -> moved.length !== 0",
    reason: "flush() writes nothing that is current, and a moved file changes the digest.",
  },
  {
    file: "lib/memory/store.ts",
    mutation: "0 -> 1",
    near: "const isUnchanged",
    reason: "flush() writes nothing that is current, and a moved file changes the digest.",
  },
  {
    file: "lib/memory/keep-vectors.ts",
    mutation: "unwritten > 0 -> unwritten >= 0",
    reason: "What is written then is what is there.",
  },
  {
    file: "lib/memory/store.ts",
    mutation: "0 -> 1",
    near: "#unflushed = 0;",
    nth: 1,
    reason: "The first flush comes one outcome earlier; only its distance is promised.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "useNativeFunctions(); -> ;",
    reason: "The engine's own functions are only faster.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "0 -> 1",
    near: "Math.max(0, Math.min(maxBytes, stat.size - offset))",
    reason: "Only room that is not filled.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "stat.size - offset -> stat.size + offset",
    reason: "Only room that is not filled.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "stat.size > offset -> stat.size >= offset",
    reason: "Cutting a file to its size changes nothing.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "await lock.release() -> lock.release()",
    reason: "release() has done its work when it first waits.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "this.#settled.add(this.#root); -> ;",
    reason: "Only saves a sync.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "this.#settled.add(path); -> ;",
    reason: "Only saves a sync.",
  },
  {
    file: "lib/storage/disk.node.ts",
    mutation: "continue; -> ;",
    near: "this.#settled.has(path)",
    reason: "Only saves a sync.",
  },
  {
    file: "lib/memory/trade-columns.ts",
    mutation: "1 -> 2",
    near: "toSorted",
    reason: "Only the sign of a comparison counts.",
  },
  {
    file: "lib/memory/trade-columns.ts",
    mutation: "a < b -> a <= b",
    near: "toSorted",
    reason: "No two columns have one name.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "MAX_SIDECAR_BYTES - BODY_OFFSET -> MAX_SIDECAR_BYTES + BODY_OFFSET",
    reason: "A file beyond the cap is refused by the read that follows its checksum.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "collectGarbage(trades.length); -> ;",
    near: "collectGarbage",
    reason: "Only the use of memory differs.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "0 -> 1",
    near: "gzipSync",
    reason: "The time is in the header that is cut off.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "bytes.slice() -> bytes",
    near: "gunzip",
    reason: "The copy is for the type: bytes that are not shared.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "true -> false",
    near: "gunzip",
    reason: "Bun's own gunzip is faster, and what it would not notice the checksum does.",
  },
  {
    file: "lib/memory/trade-columns.ts",
    mutation: "direction !== null && confidence !== null -> direction !== null || confidence !== null",
    reason: "The line before refuses a vote with one of them.",
  },
  {
    file: "lib/memory/view.ts",
    mutation: "to > 0 -> to >= 0",
    near: "exits[to - 1]",
    reason: "Before the first exit there is none, which is not later.",
  },
  {
    file: "lib/memory/weights.ts",
    mutation: "0 -> 1",
    near: "MIN_EVIDENCE) return",
    nth: 1,
    reason: "The product is 0, and so is the slope.",
  },
  {
    file: "lib/memory/weights.ts",
    mutation: "0 -> 1",
    near: "MIN_SPREAD) return",
    nth: 1,
    reason: "The product is 0, and so is the slope.",
  },
  {
    file: "lib/memory/weights.ts",
    mutation: "spread < MIN_SPREAD -> spread <= MIN_SPREAD",
    near: "return",
    reason: "No spread is the minimum exactly.",
  },
  {
    file: "lib/memory/weights.ts",
    mutation: "spread > MIN_SPREAD -> spread >= MIN_SPREAD",
    near: "between",
    reason: "No spread is the minimum exactly.",
  },
  {
    file: "lib/memory/weights.ts",
    mutation: "0 -> 1",
    near: "const between = spreads",
    nth: 3,
    reason: "Without spreads the products are 0, and so are the slopes.",
  },
  {
    file: "lib/memory/weights.ts",
    mutation: "0 -> 1",
    near: "const between = spread >",
    nth: 2,
    reason: "A single bin earned the provider's mean.",
  },
  {
    file: "lib/backtest/run-files.ts",
    mutation: "1 -> 2",
    near: "bytes.length + 1",
    reason: "A longer file differs however much of it is read.",
  },
  {
    file: "lib/backtest/run-files.ts",
    mutation: "1 -> 2",
    near: "MAX_RECORD_BYTES + 1",
    reason: "A larger file is refused however much of it is read.",
  },
  {
    file: "lib/backtest/run-files.ts",
    mutation: "1 -> 2",
    near: "start === -1 || end === -1",
    nth: 2,
    reason: "A list that does not end parses in neither way.",
  },
  {
    file: "lib/backtest/run-files.ts",
    mutation: "MAX_RECORD_BYTES + 1 -> MAX_RECORD_BYTES - 1",
    nth: 2,
    reason: "A summary that is cut off does not match its checksum, and is read as a whole.",
  },
  {
    file: "lib/backtest/run-files.ts",
    mutation: "1 -> 2",
    near: "maxBytes: 1 }",
    reason: "It is only asked whether the file is there.",
  },
  {
    file: "lib/providers/recorded/recorder.ts",
    mutation: "key.slice(0, 2) -> key",
    reason: "Any vote that follows from the question stands in as well.",
  },
  {
    file: "lib/providers/recorded/recorder.ts",
    mutation: "0 -> 1",
    near: "key.slice(0, 2)",
    nth: 1,
    reason: "Any vote that follows from the question stands in as well.",
  },
  {
    file: "lib/providers/recorded/recordings.ts",
    mutation: "1 -> 2",
    near: "{ maxBytes: 1 }",
    nth: 2,
    reason: "It is only asked whether the file is there.",
  },
  {
    file: "lib/providers/recorded/recordings.ts",
    mutation: "1 -> 2",
    near: "MAX_ANSWER_BYTES + 1",
    reason: "A larger file is refused however much of it is read.",
  },
  {
    file: "lib/providers/recorded/recordings.ts",
    mutation: "continue; -> ;",
    reason: "A copy of an answer under another name is damaged, and not counted.",
  },
  {
    file: "lib/providers/recorded/recordings.ts",
    mutation: "throw error; -> ;",
    reason: "Decoding fails in no other way.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation: "throw lockedError(folder, options); -> ;",
    nth: 1,
    reason: "SQLite knows the locks of its own process, and refuses as well.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation: "5 + 20 * Math.random() -> 5 - 20 * Math.random()",
    reason: "Any moment does that is not the other process's.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation: "20 * Math.random() -> 20 / Math.random()",
    reason: "Any moment does that is not the other process's.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation:
      "await loadOptional<{ default: typeof DatabaseSync }>(() => import(SQLITE_PACKAGE), { -> loadOptional<{ default: typeof DatabaseSync }>(() => import(SQLITE_PACKAGE), {",
    reason: "The engine that runs the tests has SQLite.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation: "0 -> 1",
    near: "let waited = 0",
    reason: "It waits a hundredth of a second less.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation: "waited < REMOVAL_MS -> waited <= REMOVAL_MS",
    reason: "It waits a hundredth of a second more.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation: "0 -> 1",
    near: "timeout: 0",
    reason: "It waits a thousandth of a second.",
  },
  {
    file: "lib/backup/create.node.ts",
    mutation: "a.name < b.name -> a.name <= b.name",
    reason: "No two have the same name.",
  },
  {
    file: "lib/backup/create.node.ts",
    mutation: "1 -> 2",
    near: "a.name < b.name ?",
    reason: "Only the sign counts.",
  },
  {
    file: "lib/backup/verify.node.ts",
    mutation: "a.file < b.file -> a.file <= b.file",
    reason: "Two problems of one file may come in either order.",
  },
  {
    file: "lib/backup/verify.node.ts",
    mutation: "1 -> 2",
    near: "a.file < b.file ?",
    reason: "Only the sign counts.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "collectGarbage(rows); -> ;",
    reason: "Only the use of memory differs.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "ROOM_PER_ROW * trades.length -> ROOM_PER_ROW / trades.length",
    reason: "Room that is missing is made.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "0 -> 1",
    near: "room: 0",
    reason: "Room that is missing is made.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "needed > bytes.length -> needed >= bytes.length",
    reason: "Room is made a byte earlier.",
  },
  {
    file: "lib/memory/sidecar.ts",
    mutation: "1 -> 2",
    near: "1 << ",
    reason: "A limit twice as high is one all the same.",
  },
  {
    file: "lib/backtest/run-files.ts",
    mutation: "1 -> 2",
    near: "1 << 26",
    reason: "A limit twice as high is one all the same.",
  },
  {
    file: "lib/backtest/run-files.ts",
    mutation: "1 -> 2",
    near: "1 << 14",
    reason: "More of a summary is decoded to find its figures.",
  },
  {
    file: "lib/storage/lock.node.ts",
    mutation: "await lock.release() -> lock.release()",
    nth: 1,
    reason: "A release does all of its work at once.",
  },
  {
    file: "lib/search/codes.ts",
    mutation: "missing <= 0 -> missing < 0",
    reason: "Growing by nothing changes nothing.",
  },
  {
    file: "lib/search/codes.ts",
    mutation: "0 -> 1",
    near: "missing <= 0",
    reason: "Sizes are multiples of four.",
  },
  {
    file: "lib/search/codes.ts",
    mutation: "at < this.rows -> at <= this.rows",
    reason: "Cutting at the end changes nothing.",
  },
  {
    file: "lib/search/codes.ts",
    mutation: "memory.scaleAt(row) / 4 -> memory.scaleAt(row) * 4",
    reason: "Any hash of a row does.",
  },
  {
    file: "lib/search/codes.ts",
    mutation: "i < a.length -> i <= a.length",
    reason: "Behind their ends both have nothing.",
  },
  {
    file: "lib/memory/keep-vectors.ts",
    mutation: "collectGarbage(trades.length); -> ;",
    reason: "Only the use of memory differs.",
  },
  {
    file: "lib/memory/store.ts",
    mutation: "durable.then(end, end); -> ;",
    reason: "Only the use of memory differs: what has settled is waited for in no time.",
  },
  {
    file: "lib/sweep/folder.ts",
    mutation: "await this.#read(`cell_${cell}.json`, cell) -> this.#read(`cell_${cell}.json`, cell)",
    reason: "An async function waits for the promise that it returns.",
  },
  {
    file: "lib/serve/session-run.ts",
    mutation: "0 -> 1",
    near: "#plannedMs = 0",
    reason: "The constructor makes the plan.",
  },
  {
    file: "lib/serve/session-run.ts",
    mutation: "this.#view.close(); -> ;",
    reason: "Only the use of memory differs.",
  },
  {
    file: "lib/serve/session-run.ts",
    mutation: "asOf <= this.#plannedMs -> asOf < this.#plannedMs",
    reason: "The same plan is made again.",
  },
  {
    file: "lib/serve/session-run.ts",
    mutation: "await this.#append() -> this.#append()",
    reason: "It is one of the writes that are waited for next.",
  },
  {
    file: "lib/serve/session-run.ts",
    mutation: "0 -> 1",
    near: "this.#nowMs - 1, 0",
    reason: "Both are of one day.",
  },
  {
    file: "lib/serve/session-chunk.ts",
    mutation: "this.#unwritten.length === 1 -> this.#unwritten.length !== 1",
    reason: "The lines are written when they are read at the latest.",
  },
  {
    file: "lib/serve/session-chunk.ts",
    mutation: "1 -> 2",
    near: "this.#unwritten.length === 1",
    reason: "The lines are written when they are read at the latest.",
  },
  {
    file: "lib/serve/session-chunk.ts",
    mutation: "begun < entered.length -> begun <= entered.length",
    reason: "There is no entry after the last, and nothing is at most a time.",
  },
  {
    file: "lib/serve/session-chunk.ts",
    mutation: "1 -> 2",
    near: "? -1 : 1",
    reason: "Only the sign of a comparison counts.",
  },
  {
    file: "lib/serve/session-chunk.ts",
    mutation: "a.exit_timestamp < b.exit_timestamp -> a.exit_timestamp <= b.exit_timestamp",
    reason: "They are not equal.",
  },
  {
    file: "lib/serve/session-chunk.ts",
    mutation: "a.decision_id < b.decision_id -> a.decision_id <= b.decision_id",
    reason: "No two trades have one id.",
  },
];
