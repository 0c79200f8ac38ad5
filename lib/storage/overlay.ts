import type { Storage, StoredFile } from "./storage.ts";

/**
 * A storage as it would be with some files of another in the place of its own, to read. Their folders must be there, too.
 *
 * @param options `names`: of files that `from` has.
 */
export function overlay(base: Storage, { from, names }: { from: Storage; names: ReadonlySet<string> }): Storage {
  const refuse = (): never => {
    throw new TypeError("An overlay is only for reading");
  };
  return {
    label: base.label,
    list: async (folder) => {
      const { files, folders } = await base.list(folder);
      const nameOf = (name: string): string => (folder === undefined ? name : `${folder}/${name}`);
      const laid = (await from.list(folder)).files.filter(({ name }) => names.has(nameOf(name)));
      const kept = files.filter(({ name }) => !names.has(nameOf(name)));
      return { files: [...kept, ...laid].toSorted(byName), folders };
    },
    read: (name, options) => (names.has(name) ? from : base).read(name, options),
    createOnce: refuse,
    replace: refuse,
    appendAt: refuse,
    move: refuse,
    remove: refuse,
    lock: refuse,
  };
}

function byName(a: StoredFile, b: StoredFile): number {
  return a.name < b.name ? -1 : 1;
}
