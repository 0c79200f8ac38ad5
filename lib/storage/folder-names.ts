import { fail } from "../errors.ts";

/** What a bucket holds directly in a folder. */
export interface FolderObjects {
  readonly objects: readonly { readonly name: string; readonly size: number }[];
  readonly folders: readonly string[];
}

interface Names {
  readonly files: Set<string>;
  readonly folders: Set<string>;
}

/**
 * What is a file and what is a folder, as a bucket allows both of one name, and a `Storage` does not. Each folder is listed once and
 * remembered, with what this process has changed since: a listing is the slowest request, and often the dearest.
 */
export class FolderNames {
  readonly #list: (folder: string) => Promise<FolderObjects>;
  readonly #known = new Map<string, Names>();

  /** @param list Lists a folder; the root is `""`. */
  constructor(list: (folder: string) => Promise<FolderObjects>) {
    this.#list = list;
  }

  /** Lists a folder, and remembers what is in it. */
  async refresh(folder: string): Promise<FolderObjects> {
    const listed = await this.#list(folder);
    const files = new Set(listed.objects.map(({ name }) => name));
    this.#known.set(folder, { files, folders: new Set(listed.folders) });
    return listed;
  }

  /**
   * Whether a name is that of a folder.
   *
   * @param verb What is tried, for messages.
   * @throws {CarryoverError} `IO` if a file is where a folder above it would be.
   */
  async isFolder(name: string, verb: string): Promise<boolean> {
    for (const { folder, child, path } of stepsTo(name)) {
      if (!this.#known.has(folder)) await this.refresh(folder);
      const { files, folders } = this.#known.get(folder)!;
      if (path === name) return folders.has(child);
      if (files.has(child)) {
        throw fail("IO", `Cannot ${verb} "${name}"`, { found: `the file "${path}"`, expected: "a folder" });
      }
      if (!folders.has(child)) return false;
    }
    return false;
  }

  /** Remembers a new file. A folder that begins with it needs no listing. */
  add(name: string): void {
    for (const { folder, child, path } of stepsTo(name)) {
      const names = this.#known.get(folder);
      if (names === undefined) return;
      if (path === name) {
        names.files.add(child);
      } else if (!names.folders.has(child)) {
        names.folders.add(child);
        this.#known.set(path, { files: new Set(), folders: new Set() });
      }
    }
  }

  /** Forgets a file that was removed, and folders that are empty without it. */
  drop(name: string): void {
    for (const { folder, child, path } of stepsTo(name).toReversed()) {
      const names = this.#known.get(folder);
      if (names === undefined) return;
      if (path === name) names.files.delete(child);
      else names.folders.delete(child);
      if (names.files.size + names.folders.size > 0) return;
      this.#known.delete(folder);
    }
  }
}

/** Of `a/b` they are `a` in the root and `b` in `a`. */
function stepsTo(name: string): { folder: string; child: string; path: string }[] {
  const segments = name.split("/");
  return segments.map((child, depth) => ({
    folder: segments.slice(0, depth).join("/"),
    child,
    path: segments.slice(0, depth + 1).join("/"),
  }));
}
