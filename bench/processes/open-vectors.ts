/**
 * Opens the vectors of a memory folder, and prints how long that took, in milliseconds, and the bytes of memory per row.
 *
 *     bun bench/processes/open-vectors.ts DIR
 */
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { SearchIndex } from "../../lib/search/search-index.ts";
import { readSidecar } from "../../lib/memory/sidecar.ts";
import { readVectors } from "../../lib/memory/vectors.ts";

/** After this many searches every row has codes. */
const SEARCHES = 20;

const storage = diskStorage(process.argv[2] ?? "");
const sidecar = await readSidecar(storage);
if (sidecar === undefined) throw new Error("expected a sidecar");
Bun.gc(true);
const bytesBefore = process.memoryUsage.rss();

const started = performance.now();
const vectors = (await Array.fromAsync(readVectors(storage, sidecar))).flat().filter((vector) => vector !== undefined);
const read = performance.now();
const index = new SearchIndex({ dim: sidecar.dim });
index.insert(vectors);
const opened = performance.now();
const query = vectors[0]?.slice() ?? new Float32Array();
index.search(query, { k: 10 });
const answered = performance.now();
for (let i = 0; i < SEARCHES; i++) index.search(query, { k: 10 });
Bun.gc(true);
console.log(
  JSON.stringify({
    rows: index.rows,
    read: read - started,
    open: opened - started,
    first: answered - opened,
    bytes_a_row: (process.memoryUsage.rss() - bytesBefore) / index.rows,
  }),
);
