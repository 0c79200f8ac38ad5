/** Backups in a bucket: one in memory, whose calls fail, are counted, or are held up. test/slow/s3.ts has a real one. */
import { beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { bucketBackups } from "../../lib/backup/bucket-place.node.ts";
import { createBackup, type CreatedBackup } from "../../lib/backup/create.node.ts";
import { listBackups } from "../../lib/backup/list.node.ts";
import { PART_BYTES } from "../../lib/backup/parts.node.ts";
import type { BackupPlace } from "../../lib/backup/place.ts";
import { pruneBackups } from "../../lib/backup/prune.node.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup, verifyBackups } from "../../lib/backup/verify.node.ts";
import type { Bucket } from "../../lib/storage/bucket.ts";
import { InMemoryBucket } from "../storage/in-memory-bucket.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { BACKUP_FILES, contentsOf, MEMORY_JSON, writeFiles } from "./backup-samples.ts";

// Some make hundreds of backups, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("bucket-backups");
let folders = 0;
let memoryDir = "";
let bucket = new InMemoryBucket();
let place: BackupPlace;
/** What the clock of the lock shows, in milliseconds. */
let ms = 0;

/** Longer than a lease, after which the lock of a dead process is free. */
const LEASE_MS = 120_001;

const DAY = new Date("2021-04-01T06:00:00Z");
const NEXT_DAY = new Date("2021-04-02T06:00:00Z");

beforeEach(() => {
  memoryDir = join(base, String((folders += 1)));
  writeFiles(memoryDir, { ...BACKUP_FILES, ...MEMORY_JSON });
  bucket = new InMemoryBucket();
  ms = 0;
  place = open(bucket);
});

const open = (of: Bucket): BackupPlace => bucketBackups(of, { label: "s3://trading/b", prefix: "b/", now: () => ms });

function create(now = DAY, waitMs = 0): Promise<CreatedBackup> {
  return createBackup({ memoryDir, backupDir: place, now, waitMs });
}

/** The files of a backup, restored. */
async function restored(id = "latest"): Promise<Record<string, string>> {
  const to = join(base, String((folders += 1)));
  await restoreBackup({ backupDir: place, id, to });
  return contentsOf(to);
}

const keysIn = (folder: string): string[] =>
  [...bucket.objects.keys()].filter((key) => key.startsWith(`b/${folder}/`)).toSorted();

/** Runs `work` and returns the calls that it made, such as `put b/lock`. */
async function callsOf(work: () => Promise<unknown>): Promise<string[]> {
  const calls: string[] = [];
  bucket.fault = { before: (call, key) => void calls.push(`${call} ${key}`) };
  await work();
  bucket.fault = {};
  return calls;
}

/** Runs `work` in a process that dies before or after its call number `fatal`. Returns whether it lived. */
async function dying(work: () => Promise<unknown>, fatal: number, when: "before" | "after"): Promise<boolean> {
  let call = 0;
  // The dead call nothing more.
  const live = (isCounted: boolean): void => {
    if (isCounted) call++;
    if (call >= fatal) throw new Error("killed");
  };
  bucket.fault = { before: () => live(when === "before"), after: () => live(when === "after") };
  await work().catch(() => {});
  bucket.fault = {};
  ms += LEASE_MS;
  return call < fatal;
}

test("a backup is made, listed, verified and restored, and its objects are the bytes of the files", async () => {
  const made = await create();
  expect(made).toEqual({
    id: "20210401T060000Z",
    sequence: 1,
    created: "2021-04-01T06:00:00.000Z",
    label: null,
    outcomes: 1,
    files: 3,
    bytes: 9,
    new_bytes: 9,
    path: "s3://trading/b/manifests/20210401T060000Z.json",
    skipped: [],
  });
  const { skipped: _, ...info } = made;
  expect(await listBackups(place)).toEqual([info]);
  expect(await verifyBackup(place, "latest")).toEqual([]);
  expect(await restored()).toEqual(BACKUP_FILES);
  expect(
    keysIn("data")
      .map((key) => new TextDecoder().decode(bucket.objects.get(key)!.bytes))
      .toSorted(),
  ).toEqual(Object.values(BACKUP_FILES).toSorted());
});

test("only what is new travels: files of the same bytes are one object, and nothing is sent twice", async () => {
  writeFiles(memoryDir, { "outcome_2.json": '{"n":1}' });
  await create();
  expect(keysIn("data")).toHaveLength(3);
  writeFiles(memoryDir, { "outcome_3.json": '{"n":3}' });
  const calls = await callsOf(() => create(NEXT_DAY));
  expect(calls.filter((call) => call.startsWith("put b/data/"))).toHaveLength(1);
  expect((await listBackups(place)).map(({ new_bytes }) => new_bytes)).toEqual([9, 7]);
  // One listing of what is there, one of the backups.
  expect(calls.filter((call) => call.startsWith("list "))).toEqual(["list b/data/", "list b/manifests/"]);
});

test("a file larger than a part is in several objects, and comes back whole", async () => {
  const large = "0123456789".repeat(Math.ceil((1.1 * PART_BYTES) / 10));
  writeFiles(memoryDir, { "runs/ab/2021Q1.decisions.ndjson": large });
  await create();
  expect(keysIn("data")).toHaveLength(3 + 2);
  expect((await restored())["runs/ab/2021Q1.decisions.ndjson"]).toBe(large);
  expect(await verifyBackup(place, "latest")).toEqual([]);
});

test("listing, verifying and restoring write nothing, so they need no right to", async () => {
  await create();
  bucket.fault = {
    before: (call) => {
      if (call === "put" || call === "delete") throw new Error("AccessDenied");
    },
  };
  await listBackups(place);
  await verifyBackups(place);
  expect(await restored()).toEqual(BACKUP_FILES);
});

test.each(["before", "after"] as const)(
  "a create that is killed %s any call leaves the earlier backup good and no other, or both; the next one ends well",
  async (when) => {
    await create();
    writeFiles(memoryDir, { "outcome_2.json": '{"n":2}', "outcome_3.json": '{"n":3}' });
    const earlier = new Map(bucket.objects);
    for (let fatal = 1, lived = false; !lived; fatal++) {
      bucket.objects.clear();
      for (const [key, object] of earlier) bucket.objects.set(key, object);
      lived = await dying(() => create(NEXT_DAY), fatal, when);
      const backups = await verifyBackups(place);
      expect(backups[0]).toEqual({ id: "20210401T060000Z", problems: [] });
      expect(backups.flatMap(({ problems }) => problems)).toEqual([]);
      expect(await restored("20210401T060000Z")).toEqual(BACKUP_FILES);
      await create(NEXT_DAY);
      expect(await restored()).toEqual({ ...BACKUP_FILES, "outcome_2.json": '{"n":2}', "outcome_3.json": '{"n":3}' });
      expect(fatal).toBeLessThan(40);
    }
  },
);

test.each(["before", "after"] as const)(
  "a prune that is killed %s any call leaves good backups only, and the next one removes what nobody names",
  async (when) => {
    await create();
    fs.rmSync(join(memoryDir, "outcome_1.json"));
    writeFiles(memoryDir, { "outcome_2.json": '{"n":2}' });
    await create(NEXT_DAY);
    const earlier = new Map(bucket.objects);
    expect(keysIn("data")).toHaveLength(4);
    for (let fatal = 1, lived = false; !lived; fatal++) {
      bucket.objects.clear();
      for (const [key, object] of earlier) bucket.objects.set(key, object);
      lived = await dying(() => pruneBackups({ backupDir: place, keepLast: 1 }), fatal, when);
      expect((await verifyBackups(place)).flatMap(({ problems }) => problems)).toEqual([]);
      await pruneBackups({ backupDir: place, keepLast: 1 });
      expect(keysIn("manifests")).toEqual(["b/manifests/20210402T060000Z.json"]);
      expect(keysIn("data")).toHaveLength(3);
      expect(await verifyBackup(place, "latest")).toEqual([]);
      expect(fatal).toBeLessThan(40);
    }
  },
);

test("what a killed create has sent is not sent again, and a prune removes what no backup names", async () => {
  await dying(() => create(), (await callsOf(() => create(NEXT_DAY))).length - 2, "before");
  bucket.objects.delete("b/manifests/20210402T060000Z.json");
  const calls = await callsOf(() => create());
  expect(calls.filter((call) => call.startsWith("put b/data/"))).toEqual([]);
  bucket.objects.set("b/data/of-a-dead-process", { bytes: new Uint8Array(3), etag: "e" });
  await pruneBackups({ backupDir: place, keepLast: 1 });
  expect(keysIn("data")).toHaveLength(3);
});

test("two creates at once wait for each other, and both backups are complete", async () => {
  const notes: string[] = [];
  const backups = await Promise.all(
    [DAY, DAY].map((now) =>
      createBackup({ memoryDir, backupDir: open(bucket), now, waitMs: 10_000, onWait: () => void notes.push("waits") }),
    ),
  );
  expect(notes).toEqual(["waits"]);
  expect(backups.map(({ id, sequence }) => `${id} ${sequence}`).toSorted()).toEqual([
    "20210401T060000Z 1",
    "20210401T060000Z-2 2",
  ]);
  expect((await verifyBackups(place)).flatMap(({ problems }) => problems)).toEqual([]);
});

test("a second process that does not want to wait is told who has the lock", async () => {
  bucket.fault = {
    before: async (call, key) => {
      if (call !== "list" || key !== "b/data/") return;
      bucket.fault = {};
      const failure = await failureOf(create());
      expect(failure.code).toBe("LOCKED");
      expect(failure.message).toContain(`process ${process.pid}`);
    },
  };
  await create();
});

test("a create that is held up until a prune has taken its lock is not acknowledged, and leaves no backup", async () => {
  bucket.fault = {
    before: async (call, key) => {
      if (call !== "put" || !key.startsWith("b/manifests/")) return;
      bucket.fault = {};
      // The bytes are there, and no manifest names them.
      ms += LEASE_MS;
      await pruneBackups({ backupDir: place, keepLast: 1 });
      expect(keysIn("data")).toEqual([]);
    },
  };
  expect((await failureOf(create())).code).toBe("LOCKED");
  expect(await listBackups(place)).toEqual([]);
});

test("a write whose answer got lost is no second backup", async () => {
  bucket.put = async (key, bytes, when) => {
    const etag = await InMemoryBucket.prototype.put.call(bucket, key, bytes, when);
    return key.startsWith("b/manifests/") ? undefined : etag;
  };
  expect((await create()).id).toBe("20210401T060000Z");
  expect(await listBackups(place)).toHaveLength(1);
});

test("objects that are missing, of another size or of other bytes are named, and nothing is restored", async () => {
  await create();
  const key = keysIn("data").find((each) => bucket.objects.get(each)!.bytes.length === 7);
  const good = bucket.objects.get(key!)!;
  const bytes = (text: string) => ({ bytes: new TextEncoder().encode(text), etag: "e" });
  for (const [damaged, message] of [
    [undefined, `"outcome_1.json", the object "${key}", is missing`],
    [bytes("{}"), `"outcome_1.json", the object "${key}", has 2 bytes, expected 7`],
    [bytes('{"n":2}'), '"outcome_1.json" has other bytes than were backed up'],
  ] as const) {
    if (damaged === undefined) bucket.objects.delete(key!);
    else bucket.objects.set(key!, damaged);
    expect((await verifyBackup(place, "latest")).map((problem) => problem.message)).toEqual([message]);
    const to = join(base, String((folders += 1)));
    expect((await failureOf(restoreBackup({ backupDir: place, id: "latest", to }))).code).toBe("CORRUPT");
    expect(fs.existsSync(to)).toBeFalse();
    bucket.objects.set(key!, good);
  }
});

test("the next backup sends again what is missing or cut off", async () => {
  await create();
  const keys = keysIn("data");
  bucket.objects.delete(keys[0]!);
  bucket.objects.set(keys[1]!, { bytes: new Uint8Array(1), etag: "e" });
  await create(NEXT_DAY);
  expect((await verifyBackups(place)).flatMap(({ problems }) => problems)).toEqual([]);
});

test("a damaged manifest is listed as a problem, stays, and keeps all bytes", async () => {
  await create();
  fs.rmSync(join(memoryDir, "outcome_1.json"));
  await create(NEXT_DAY);
  bucket.objects.set("b/manifests/20210401T060000Z.json", { bytes: new TextEncoder().encode("{}"), etag: "e" });
  expect((await listBackups(place)).map(({ problem }) => problem !== undefined)).toEqual([true, false]);
  const { kept } = await pruneBackups({ backupDir: place, keepLast: 1 });
  expect(kept.map(({ backup, reasons }) => `${backup.id} ${reasons}`)).toEqual([
    "20210401T060000Z damaged",
    "20210402T060000Z last",
  ]);
  expect(keysIn("data")).toHaveLength(3);
});

test("a store that is away is no damage", async () => {
  await create();
  bucket.fault = {
    before: (call, key) => {
      if (call === "get" && key.startsWith("b/manifests/")) throw new Error("ECONNREFUSED");
    },
  };
  for (const work of [listBackups(place), verifyBackups(place), create(NEXT_DAY)]) {
    const failure = await failureOf(work);
    expect(failure.code).toBe("IO");
    expect(failure.message).toStartWith('Cannot read "s3://trading/b/manifests/20210401T060000Z.json": ');
  }
});

test("a store that goes away at any request of a verify is no damage", async () => {
  await create();
  const requests = (await callsOf(() => verifyBackups(place))).length;
  for (let fatal = 1; fatal <= requests; fatal++) {
    let request = 0;
    bucket.fault = {
      before: () => {
        if ((request += 1) === fatal) throw new Error("ECONNREFUSED");
      },
    };
    expect((await failureOf(verifyBackups(place))).code).toBe("IO");
  }
  bucket.fault = {};
  bucket.objects.set("b/manifests/20210401T060000Z.json", { bytes: new TextEncoder().encode("{}"), etag: "e" });
  expect((await verifyBackups(place))[0]?.problems).toMatchObject([{ kind: "manifest" }]);
});

test("a store that ignores conditions is refused before anything is sent", async () => {
  bucket.put = async (key, bytes) => {
    bucket.objects.set(key, { bytes, etag: "e" });
    return "e";
  };
  expect((await failureOf(create())).code).toBe("BAD_USAGE");
  expect([...bucket.objects.keys()]).toEqual(["b/probe"]);
});

test("a backup that is pruned while it is read is not called damaged", async () => {
  await create();
  writeFiles(memoryDir, { "outcome_2.json": '{"n":2}' });
  await create(NEXT_DAY);
  bucket.fault = {
    before: (call, key) => {
      if (call !== "get" || !key.startsWith("b/data/")) return;
      bucket.fault = {};
      for (const gone of [...keysIn("manifests").slice(0, 1), key]) bucket.objects.delete(gone);
    },
  };
  expect((await verifyBackups(place))[0]).toEqual({ id: "20210401T060000Z", problems: [], pruned: true });
});

test("a backup that is pruned when a request fails was pruned", async () => {
  const { id } = await create();
  bucket.fault = {
    before: (call, key) => {
      if (call !== "get" || !key.startsWith("b/data/")) return;
      bucket.objects.delete(`b/manifests/${id}.json`);
      throw new Error("ECONNRESET");
    },
  };
  const { code, message } = await failureOf(verifyBackup(place, id));
  expect(code).toBe("NOT_FOUND");
  expect(message).toContain("found that it was pruned meanwhile");
});

test("a signal stops a create, and leaves no lock behind", async () => {
  const controller = new AbortController();
  bucket.fault = { before: (call, key) => void (call === "list" && key === "b/data/" && controller.abort()) };
  const stopped = createBackup({ memoryDir, backupDir: place, now: DAY, signal: controller.signal });
  await expect(stopped).rejects.toThrow(controller.signal.reason);
  bucket.fault = {};
  expect((await create()).sequence).toBe(1);
});
