/** Keys of an older program, whose users bring their configuration along. */
import { isRecord } from "../util/json.ts";
import { type ConfigProblem, quote } from "./problems.ts";

/** What each of its keys names. Ours keeps all three in the folder `memory.dir`. */
const FOLDER_OF: Readonly<Record<string, (value: string) => string>> = {
  outcomes_dir: (folder) => folder,
  snapshots_dir: (folder) => folder,
  vectors_pkl_path: (file) => file.slice(0, Math.max(0, file.lastIndexOf("/"))),
};

/** A document with our keys alone, what was made of the others, and what is wrong with them. */
interface Translated {
  readonly data: unknown;
  readonly notes: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

/** Replaces `memory.outcomes_dir`, `snapshots_dir` and `vectors_pkl_path` that name one folder by `memory.dir`. */
export function translateOriginalKeys(data: unknown): Translated {
  const memory = isRecord(data) ? data["memory"] : undefined;
  const keys = isRecord(memory) ? Object.keys(FOLDER_OF).filter((key) => Object.hasOwn(memory, key)) : [];
  if (!isRecord(data) || !isRecord(memory) || keys.length === 0) return { data, notes: [], problems: [] };
  const wrong = keys.filter((key) => typeof memory[key] !== "string" || memory[key] === "");
  if (wrong.length > 0) return { data, notes: [], problems: wrong.map((key) => problemOf(key, "a path")) };
  const folders = keys.map((key) => plainFolder(FOLDER_OF[key]!(memory[key] as string)));
  const wanted = typeof memory["dir"] === "string" ? plainFolder(memory["dir"]) : folders[0]!;
  const others = keys.filter((_, i) => folders[i] !== wanted);
  if (others.length > 0) {
    const expected = `the folder ${quote(wanted)}, as all of memory is in one: write dir: ${wanted} in place of these keys`;
    return { data, notes: [], problems: others.map((key) => problemOf(key, expected, memory[key] as string)) };
  }
  const own = Object.fromEntries(Object.entries(memory).filter(([key]) => !keys.includes(key)));
  const note = `memory.dir is ${quote(wanted)}, which stands for ${keys.map((key) => `memory.${key}`).join(", ")}`;
  return { data: { ...data, memory: { ...own, dir: wanted } }, notes: [note], problems: [] };
}

function problemOf(key: string, expected: string, value?: string): ConfigProblem {
  const found = value === undefined ? "something else" : quote(value);
  return { path: ["memory", key], at: "key", found, place: ` for memory.${key}`, expected };
}

/** A folder without `./` before it and `/` behind it. */
function plainFolder(folder: string): string {
  const plain = folder.replace(/^(?:\.\/+)+/, "").replace(/\/+$/, "");
  return plain === "" ? "." : plain;
}
