import type { Storage } from "../files/storage.ts";

/** Where damaged files are kept for a person to look at; nothing reads them. */
export const QUARANTINE_FOLDER = "quarantine";

/**
 * Moves a file out of the way, to `quarantine/`. What is there stays: a second file of one name gets `.2` at its end, then `.3`.
 *
 * @returns Its new name.
 */
export async function moveToQuarantine(storage: Storage, name: string): Promise<string> {
  const target = `${QUARANTINE_FOLDER}/${name}`;
  const slash = target.lastIndexOf("/");
  const { files, folders } = await storage.list(target.slice(0, slash));
  const taken = new Set([...files.map((file) => file.name), ...folders]);
  const base = target.slice(slash + 1);
  let free = base;
  for (let count = 2; taken.has(free); count += 1) free = `${base}.${count}`;
  const to = target.slice(0, slash + 1) + free;
  await storage.move(name, to);
  return to;
}
