/** The bucket of a Durable Object, on Bun's SQLite. test/slow/edge.ts has it in a Durable Object. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { durableObjectBucket, type DurableObjectSql } from "../../lib/storage/durable-object-bucket.ts";
import { describeBucket } from "./bucket-contract.ts";
import { InMemoryBucket } from "./in-memory-bucket.ts";
import { openBucket } from "./object-store-samples.ts";
import { describeStorage } from "./storage-contract.ts";

/** SQLite as a Durable Object has it: blobs are array buffers. */
function sqlite(): DurableObjectSql {
  const database = new Database(":memory:");
  return {
    exec: (query, ...bindings) => {
      const values = bindings.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value));
      const rows = database.query<Record<string, unknown>, (string | number | Uint8Array)[]>(query).all(...values);
      const plain = rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            value instanceof Uint8Array ? value.slice().buffer : value,
          ]),
        ),
      );
      return { toArray: () => plain };
    },
  };
}

describeBucket("the bucket of these tests", () => new InMemoryBucket());
describeBucket("a Durable Object", () => durableObjectBucket(sqlite()));
describeStorage("a Durable Object", () => openBucket(durableObjectBucket(sqlite())));

test("a file over the limit of a row is in rows of at most 1 MB", async () => {
  const sql = sqlite();
  const storage = await openBucket(durableObjectBucket(sql));
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251);
  await storage.replace("decisions", bytes);
  expect(await storage.read("decisions", { maxBytes: 4e6 })).toEqual(bytes);
  expect(await storage.read("decisions", { offset: 1_999_990, maxBytes: 20 })).toEqual(
    bytes.subarray(1_999_990, 2_000_010),
  );
  const [row] = sql.exec("SELECT max(length(bytes)) AS largest FROM carryover_objects").toArray();
  expect(row).toEqual({ largest: 1_000_000 });
});
