import type { Bucket } from "../../lib/storage/bucket.ts";
import { openObjectStore, type ObjectStoreOptions } from "../../lib/storage/object-store.ts";
import type { Storage } from "../../lib/storage/storage.ts";

/** Opens a bucket with this machine's clock and random ids. */
export function openBucket(bucket: Bucket, options: Partial<ObjectStoreOptions> = {}): Promise<Storage> {
  return openObjectStore(bucket, { label: "bucket", now: Date.now, newId: () => crypto.randomUUID(), ...options });
}

/** All files of a storage by name, as text of one character a byte. */
export async function filesIn(storage: Storage, folder?: string): Promise<Map<string, string>> {
  const { files, folders } = await storage.list(folder);
  const above = folder === undefined ? "" : `${folder}/`;
  const found = new Map<string, string>();
  for (const { name, size } of files) {
    const bytes = (await storage.read(above + name, { maxBytes: size + 1 }))!;
    found.set(above + name, Buffer.from(bytes).toString("latin1"));
  }
  for (const name of folders) for (const [path, text] of await filesIn(storage, above + name)) found.set(path, text);
  return found;
}
