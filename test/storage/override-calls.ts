import type { Storage } from "../../lib/storage/storage.ts";

/** A storage with some of its calls replaced. */
export function overrideCalls(storage: Storage, calls: Partial<Storage>): Storage {
  return {
    label: storage.label,
    list: (folder) => storage.list(folder),
    read: (name, options) => storage.read(name, options),
    createOnce: (name, bytes) => storage.createOnce(name, bytes),
    replace: (name, bytes) => storage.replace(name, bytes),
    appendAt: (name, offset, bytes) => storage.appendAt(name, offset, bytes),
    move: (from, to) => storage.move(from, to),
    remove: (name) => storage.remove(name),
    lock: (holder) => storage.lock(holder),
    ...calls,
  };
}
