/**
 * What a crash may leave of a program's steps, after the model of ALICE (Pillai et al., "All File Systems Are Not Created
 * Equal", OSDI 2014). The modelled file system guarantees only one order: a file that is moved to another folder has its old
 * name or its new one, until the folder it left is synced.
 *
 * A sync of a file makes the earlier writes to it certain. A sync of a folder makes its names certain. Every other step before
 * the crash is on disk or not, independently: a name made, moved or removed; a write, whole, by half, or as zeros in a file
 * that has grown. A rename within a folder is atomic. Between two folders the new name may appear before the old one is gone,
 * and the sync of each folder makes only its own part certain.
 */
import type { Step } from "./trace.ts";

/** The files of a folder: bytes by path. The path of a folder ends in a slash, and its bytes are empty. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** A folder as a crash may leave it. */
export interface CrashState {
  readonly files: Files;
  /** What was acknowledged before the crash. */
  readonly acknowledged: readonly string[];
  /** When it crashed, and what became of the uncertain steps. */
  readonly how: string;
}

/**
 * Lists every distinct state, in a fixed order, of crashes before each step and after the last. Of the uncertain steps, all
 * happened, or none, or the oldest n; each one alone is missing, halved, zeroed, or the only one that happened; and if at most
 * five are uncertain, every combination is listed.
 */
export function crashStates(before: Files, steps: readonly Step[]): readonly CrashState[] {
  const { start, effects } = effectsOf(before, steps);
  const states = new Map<string, CrashState>();
  const acknowledged: string[] = [];
  for (let at = 0; at <= steps.length; at += 1) {
    const happened = effects.filter((effect) => effect.at < at);
    const uncertain = happened.filter((effect) => effect.certainAt >= at);
    for (const fates of choices(uncertain)) {
      const files = filesAfter(start, happened, { fates, uncertain });
      const lost = [...fates].map(([effect, fate]) => `${fate} ${effect.what}`);
      const how = `crash before step ${at}${lost.length === 0 ? "" : `: ${lost.join(", ")}`}`;
      // Of equal files, those with more acknowledged are the harder case.
      states.set(keyOf(files), { files, acknowledged: [...acknowledged], how });
    }
    const step = steps[at];
    if (step?.call === "acknowledge") acknowledged.push(step.what);
  }
  return [...states.values()];
}

/** Returns the folder after all steps, with nothing lost. */
export function finalState(before: Files, steps: readonly Step[]): Files {
  const { start, effects } = effectsOf(before, steps);
  return filesAfter(start, effects, { fates: new Map(), uncertain: [] });
}

/** What becomes of an uncertain effect. `torn`: the first half, then zeros. */
type Fate = "lost" | "halved" | "zeroed" | "torn";

type Node = { readonly bytes: Uint8Array } | { readonly names: ReadonlyMap<string, number> };

/** What a step changes in one node. */
interface Effect {
  readonly what: string;
  readonly at: number;
  /** Index of the step that makes it certain. */
  certainAt: number;
  readonly node: number;
  readonly change:
    | { readonly names: readonly (readonly [name: string, node: number | undefined])[] }
    | { readonly offset: number; readonly bytes: Uint8Array }
    | { readonly size: number };
  /** The effect that cannot be lost if this one reached the disk without a sync. */
  readonly needs?: Effect;
}

const MAX_CHOICES = 5;

function choices(uncertain: readonly Effect[]): Map<Effect, Fate>[] {
  const lost = (effects: readonly Effect[]): Map<Effect, Fate> => new Map(effects.map((effect) => [effect, "lost"]));
  const all = uncertain.map((_, count) => lost(uncertain.slice(count)));
  all.push(new Map());
  for (const effect of uncertain) {
    all.push(lost(uncertain.filter((other) => other !== effect)));
    for (const fate of fatesOf(effect)) all.push(new Map([[effect, fate]]));
  }
  if (uncertain.length > MAX_CHOICES) return all;
  let every: Map<Effect, Fate>[] = [new Map()];
  for (const effect of uncertain) {
    every = every.flatMap((chosen) => [chosen, ...fatesOf(effect).map((fate) => new Map([...chosen, [effect, fate]]))]);
  }
  return [...all, ...every];
}

function fatesOf({ change }: Effect): readonly Fate[] {
  return "bytes" in change && change.bytes.length > 1 ? ["lost", "halved", "zeroed", "torn"] : ["lost"];
}

/** Finds which node each step changes, and which step makes that certain. */
function effectsOf(before: Files, steps: readonly Step[]): { start: readonly Node[]; effects: readonly Effect[] } {
  /** As before the first step, or as they were made. */
  const nodes: Node[] = [{ names: new Map() }];
  /** The names in each folder as the program sees them. */
  const live = new Map<number, Map<string, number>>([[0, new Map()]]);
  const effects: Effect[] = [];

  const add = (isFolder: boolean): number => {
    const node = nodes.push(isFolder ? { names: new Map() } : { bytes: new Uint8Array() }) - 1;
    if (isFolder) live.set(node, new Map());
    return node;
  };
  const place = (path: string): { folder: number; name: string } => {
    const names = path.split("/");
    const name = names.pop() ?? "";
    return { folder: names.reduce(inFolder, 0), name };
  };
  const inFolder = (folder: number, name: string): number => {
    const node = live.get(folder)?.get(name);
    if (node === undefined) throw new Error(`Cannot follow the steps: found no "${name}", expected it to be there`);
    return node;
  };
  const nodeAt = (path: string): number => (path === "" ? 0 : path.split("/").reduce(inFolder, 0));

  for (const [path, bytes] of before) {
    const isFolder = path.endsWith("/");
    const { folder, name } = place(isFolder ? path.slice(0, -1) : path);
    const node = add(isFolder);
    if (!isFolder) nodes[node] = { bytes };
    live.get(folder)?.set(name, node);
  }
  for (const [folder, names] of live) nodes[folder] = { names: new Map(names) };

  steps.forEach((step, at) => {
    const effect = (node: number, what: string, change: Effect["change"], needs?: Effect): Effect => {
      const made = { what: `${what} (step ${at})`, at, certainAt: Infinity, node, change, ...(needs && { needs }) };
      effects.push(made);
      for (const [name, target] of "names" in change ? change.names : []) {
        if (target === undefined) live.get(node)?.delete(name);
        else live.get(node)?.set(name, target);
      }
      return made;
    };
    switch (step.call) {
      case "create":
      case "mkdir": {
        const { folder, name } = place(step.path);
        if (live.get(folder)?.has(name)) break;
        const node = add(step.call === "mkdir");
        effect(folder, `${step.call} ${step.path}`, { names: [[name, node]] });
        break;
      }
      case "link": {
        const { folder, name } = place(step.to);
        effect(folder, `link ${step.to}`, { names: [[name, nodeAt(step.from)]] });
        break;
      }
      case "rename": {
        const from = place(step.from);
        const to = place(step.to);
        const what = `rename ${step.from} to ${step.to}`;
        const node = nodeAt(step.from);
        if (from.folder === to.folder)
          effect(to.folder, what, {
            names: [
              [from.name, undefined],
              [to.name, node],
            ],
          });
        else
          effect(
            from.folder,
            what,
            { names: [[from.name, undefined]] },
            effect(to.folder, what, { names: [[to.name, node]] }),
          );
        break;
      }
      case "remove": {
        const { folder, name } = place(step.path);
        effect(folder, `remove ${step.path}`, { names: [[name, undefined]] });
        break;
      }
      case "write":
        effect(nodeAt(step.path), `write ${step.path}`, { offset: step.offset, bytes: step.bytes });
        break;
      case "truncate":
        effect(nodeAt(step.path), `truncate ${step.path}`, { size: step.size });
        break;
      case "sync":
        for (const made of effects) if (made.node === nodeAt(step.path)) made.certainAt = Math.min(made.certainAt, at);
        break;
      case "acknowledge":
        break;
    }
  });
  return { start: nodes, effects };
}

function filesAfter(
  start: readonly Node[],
  effects: readonly Effect[],
  options: { fates: ReadonlyMap<Effect, Fate>; uncertain: readonly Effect[] },
): Files {
  const { fates, uncertain } = options;
  const bytesOf = new Map<number, Uint8Array>();
  const namesOf = new Map<number, Map<string, number>>();
  start.forEach((node, i) => {
    if ("names" in node) namesOf.set(i, new Map(node.names));
    else bytesOf.set(i, node.bytes);
  });
  const needed = new Set(uncertain.filter((effect) => !fates.has(effect)).map((effect) => effect.needs));
  for (const effect of effects) {
    const fate = needed.has(effect) ? undefined : fates.get(effect);
    if (fate === "lost") continue;
    const { node, change } = effect;
    if ("names" in change) {
      for (const [name, target] of change.names) {
        if (target === undefined) namesOf.get(node)?.delete(name);
        else namesOf.get(node)?.set(name, target);
      }
    } else {
      const old = bytesOf.get(node) ?? new Uint8Array();
      bytesOf.set(node, "size" in change ? resized(old, change.size) : written(old, change, fate));
    }
  }

  const files = new Map<string, Uint8Array>();
  const walk = (folder: number, prefix: string): void => {
    for (const [name, node] of [...(namesOf.get(folder) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const bytes = bytesOf.get(node);
      files.set(bytes === undefined ? `${prefix}${name}/` : prefix + name, bytes ?? new Uint8Array());
      if (bytes === undefined) walk(node, `${prefix}${name}/`);
    }
  };
  walk(0, "");
  return files;
}

function written(old: Uint8Array, change: { offset: number; bytes: Uint8Array }, fate: Fate | undefined): Uint8Array {
  const { offset, bytes } = change;
  const half = Math.ceil(bytes.length / 2);
  const grown = resized(old, Math.max(old.length, offset + (fate === "halved" ? half : bytes.length)));
  if (fate !== "zeroed") grown.set(fate === undefined ? bytes : bytes.subarray(0, half), offset);
  return grown;
}

function resized(old: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(old.subarray(0, size));
  return bytes;
}

function keyOf(files: Files): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const [path, bytes] of files) hash.update(`${path}\n${bytes.length}\n`).update(bytes);
  return hash.digest("hex");
}
