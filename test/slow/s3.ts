/** A memory in S3: a server of moto (PyPI `moto[server]`), whose `moto_server` must be on the PATH. `bun run test:slow` */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { backtest } from "../../lib/job/backtest.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { trend } from "../../lib/providers/rules.ts";
import type { Bucket } from "../../lib/storage/bucket.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { s3Bucket } from "../../lib/storage/s3-bucket.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { describeBucket } from "../storage/bucket-contract.ts";
import { filesIn, openBucket } from "../storage/object-store-samples.ts";
import { describeStorage, failureOf, HOLDER, utf8 } from "../storage/storage-contract.ts";
import { MOTO, startMoto } from "./support/moto.ts";

// Each request takes some milliseconds, and a machine may be busy.
setDefaultTimeout(600_000);

describe.skipIf(MOTO === null)(`S3${MOTO === null ? " (skipped: no moto_server)" : ""}`, () => {
  const AT = startMoto();
  let bucket: Bucket;
  let stores = 0;

  beforeAll(() => {
    bucket = s3Bucket(AT);
  });

  /** An empty storage in the bucket. */
  const open = (options = {}): Promise<Storage> => openBucket(bucket, { prefix: `${++stores}/`, ...options });

  describeStorage("an S3 bucket", () => open());

  describeBucket("S3", () => bucket);

  test("a listing of more than a page is whole", async () => {
    const storage = await open();
    for (let i = 0; i < 1005; i += 15) {
      await Promise.all(
        Array.from({ length: 15 }, (_, j) => bucket.put(`${stores}/files/${i + j}`, utf8("x".repeat(90)), "absent")),
      );
    }
    expect((await storage.list()).files).toHaveLength(1005);
  });

  test("a bucket that is missing is no missing file", async () => {
    const missing = await failureOf(openBucket(s3Bucket({ ...AT, bucket: "nowhere" }), { label: "s3://nowhere" }));
    expect(missing.code).toBe("NOT_FOUND");
  });

  test("a backtest makes the bytes of one in memory, and a second writer is kept out", async () => {
    const run = async (storage: Storage): Promise<Map<string, string>> => {
      await backtest({
        bars: [syntheticBars({ asset: "GOLD", timeframe: "4h", seed: 1, end: "2018-04-01" })],
        providers: [trend()],
        memory: await openMemory(storage),
        start: "2018-02-01",
        end: "2018-04-01",
        chunks: "month",
      });
      return filesIn(storage);
    };
    const [first, prefix] = [await open(), `${stores}/`];
    const second = await openBucket(bucket, { prefix });
    const lock = await first.lock(HOLDER);
    expect((await failureOf(second.lock(HOLDER))).code).toBe("LOCKED");
    const made = await run(first);
    expect(made.size).toBeGreaterThan(10);
    expect(made).toEqual(await run(inMemoryStorage()));
    await lock.release();
    await (await second.lock(HOLDER)).release();
    expect(await filesIn(second)).toEqual(made);
  });
});
