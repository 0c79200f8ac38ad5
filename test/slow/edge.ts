/** Buckets and the example in real workerd (npm `miniflare`). `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Bucket } from "../../lib/storage/bucket.ts";
import { type R2Binding, r2Bucket } from "../../lib/storage/r2-bucket.ts";
import { missingWorkerd, post, startWorker, type Worker } from "../edge/workers.ts";
import { PROJECT_DIR } from "../samples.ts";
import { describeBucket } from "../storage/bucket-contract.ts";
import { openBucket } from "../storage/object-store-samples.ts";
import { remoteBucket } from "../storage/remote-bucket.ts";
import { describeStorage } from "../storage/storage-contract.ts";

// A worker takes a second to start, and a machine may be busy.
setDefaultTimeout(300_000);

describe.skipIf(missingWorkerd !== "")(`in workerd${missingWorkerd}`, () => {
  let worker: Worker;
  let stores = 0;
  const buckets: Record<"R2" | "a Durable Object", Bucket> = {
    R2: remoteBucket((call) => post(worker, "/r2", call)),
    "a Durable Object": remoteBucket((call) => post(worker, "/object", call), { maxObjectBytes: 1_000_000 }),
  };

  beforeAll(async () => {
    worker = await startWorker(join(PROJECT_DIR, "test/edge/bucket-worker.ts"), {
      r2Buckets: ["R2"],
      durableObjects: { OBJECT: { className: "BucketObject", useSQLite: true } },
    });
  });
  afterAll(() => worker.dispose());

  for (const [name, bucket] of Object.entries(buckets)) {
    describeBucket(name, () => bucket);
    describeStorage(name, () => openBucket(bucket, { prefix: `${++stores}/` }));
  }

  test("a listing of R2 of more than a page is whole", async () => {
    for (let i = 0; i < 1005; i += 15) {
      await Promise.all(
        Array.from({ length: 15 }, (_, j) => buckets.R2.put(`many/${i + j}`, new Uint8Array(1), "absent")),
      );
    }
    expect((await buckets.R2.list("many/")).objects).toHaveLength(1005);
  });

  test("a write that R2 refuses, as the key was written within the same second, is repeated", async () => {
    let calls = 0;
    const binding = {
      put: async () => {
        if (++calls === 1) throw new Error("put: Reduce your concurrent request rate for the same object. (10058)");
        return { httpEtag: '"1"', size: 1 };
      },
    };
    const bucket = r2Bucket(binding as unknown as R2Binding);
    expect(await bucket.put("a", new Uint8Array(1), "absent")).toBe('"1"');
  });
});
