/** All decoders of files that people or disks may damage, with valid inputs to start from. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { memoryOf, parseConfig } from "../../lib/config/parse.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { parseBarsCsv } from "../../lib/market/csv.ts";
import { gunzipBars } from "../../lib/market/load.node.ts";
import { parseBarsParquet } from "../../lib/market/parquet.ts";
import { decodeForgetMark, encodeForgetMark } from "../../lib/memory/forget.ts";
import { decodeOutcome, encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { parseVotes, parseVotesCsv } from "../../lib/providers/read-votes.ts";
import { readVote } from "../../lib/providers/recorded/answer.ts";
import { PROJECT_DIR } from "../samples.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { memoryTargets } from "./memory-targets.ts";
import { sealedTargets } from "./sealed-targets.ts";
import { text, utf8, type Target } from "./target.ts";

const FIXTURES = join(PROJECT_DIR, "test/fixtures");
const BARS = { asset: "BTCUSD", timeframe: "1h", file: "bars" };

function fixtures(folder: string, extension: string): Uint8Array[] {
  const names = readdirSync(join(FIXTURES, folder)).filter((name) => name.endsWith(extension));
  return names.map((name) => new Uint8Array(readFileSync(join(FIXTURES, folder, name))));
}

const BARS_CSV = `timestamp,open,high,low,close,volume
2021-01-01T00:00:00Z,100,101,99,100.5,12
2021-01-01T01:00:00Z,100.5,102,100,101,0
1609466400000,101,101,98.25,99,1e3
`;
const VOTES_CSV = `timestamp,asset,action,confidence
2021-01-04T00:00:00Z,BTCUSD,BUY,70
1609718400000,"ETHUSD",SELL,60.5
2021-02-01,BTCUSD,hold,50
`;

const ID = makeOutcome().decision_id;
const NAME = outcomeFileName(ID);
const IMPORTED = {
  decision_id: ID,
  asset_pair: "BTCUSD",
  action: "BUY",
  entry_timestamp: "2021-01-04T12:00:00Z",
  exit_timestamp: "2021-01-05T08:00:00Z",
  realized_pnl: 12.5,
  pnl_percentage: 1.25,
  ai_provider: "local",
  votes: [{ provider: "a", action: "BUY", confidence: 50 }],
};

const VOTE_TEXT = '{"asset": "BTCUSD", "action": "BUY", "confidence": 70, "reason": "it rises"}';

/** All decoders. Their inputs are made by the call. */
export async function targets(): Promise<readonly Target[]> {
  const mark = encodeForgetMark({ provider: "trend", beforeMs: Date.UTC(2021, 0, 1) });
  return [
    {
      name: "config",
      someAreBad: true,
      seeds: [...fixtures("config", ".yaml"), new Uint8Array(readFileSync(join(PROJECT_DIR, "config.yaml")))],
      decode: (bytes) => parseConfig(text(bytes), { file: "config.yaml" }),
    },
    {
      name: "config, memory settings only",
      someAreBad: true,
      seeds: [...fixtures("config", ".yaml"), new Uint8Array(readFileSync(join(PROJECT_DIR, "config.yaml")))],
      decode: async (bytes) => {
        let parsed: unknown;
        try {
          parsed = Bun.YAML.parse(text(bytes));
        } catch {
          // As lib/config/load.node.ts does: parseConfig() then says what is wrong.
          return undefined;
        }
        return memoryOf(parsed);
      },
    },
    {
      name: "bars, csv",
      seeds: [utf8(BARS_CSV), utf8(BARS_CSV.replaceAll(",", ";").replaceAll("\n", "\r\n"))],
      decode: async (bytes) => parseBarsCsv(bytes, BARS),
    },
    {
      name: "bars, csv.gz",
      someAreBad: true,
      seeds: [new Uint8Array(gzipSync(BARS_CSV)), new Uint8Array(gzipSync(Buffer.alloc(1 << 20)))],
      decode: async (bytes) => parseBarsCsv(await gunzipBars(bytes, { file: "bars" }), BARS),
    },
    {
      name: "bars, parquet",
      someAreBad: true,
      seeds: fixtures("market", ".parquet"),
      decode: (bytes) => parseBarsParquet(bytes, BARS),
    },
    {
      name: "votes, csv",
      seeds: [utf8(VOTES_CSV)],
      decode: async (bytes) => parseVotesCsv(bytes, { file: "votes.csv" }),
    },
    {
      name: "votes, csv.gz",
      seeds: [new Uint8Array(gzipSync(VOTES_CSV))],
      decode: (bytes) => parseVotes(bytes, { file: "votes" }),
    },
    {
      name: "outcome",
      seeds: [encodeOutcome(makeOutcome()).bytes],
      decode: async (bytes) => decodeOutcome(bytes, NAME),
    },
    {
      name: "imported outcome",
      seeds: [encodeJson(IMPORTED), utf8(JSON.stringify(IMPORTED))],
      decode: async (bytes) => decodeOutcome(bytes, NAME),
    },
    { name: "forget mark", seeds: [mark.bytes], decode: async (bytes) => decodeForgetMark(bytes, mark.name) },
    ...(await sealedTargets()),
    {
      name: "model's vote",
      seeds: [utf8(VOTE_TEXT)],
      decode: async (bytes) => readVote({ text: text(bytes) }, "BTCUSD"),
    },
    ...(await memoryTargets()),
  ];
}
