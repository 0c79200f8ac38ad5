import type * as Yaml from "yaml";

const PROBLEMS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "found a tab as indentation, expected spaces",
  MULTIPLE_DOCS: "found a second document, expected one",
};

/** The time that the parser takes grows with the square of the depth. */
const MAX_NESTING = 100;

/** Parses YAML to nodes with positions, and refuses what a configuration has no use for. */
export function parseYaml(
  yaml: typeof Yaml,
  source: string,
): { document?: Yaml.Document; problems: { offset: number; text: string }[] } {
  const problems: { offset: number; text: string }[] = [];
  const tooDeep = nestingBeyond(MAX_NESTING, source);
  if (tooDeep !== undefined) {
    return {
      problems: [{ offset: tooDeep, text: `found brackets nested ${MAX_NESTING} deep, expected a few levels` }],
    };
  }
  const report = (node: unknown, text: string): void => {
    problems.push({ offset: yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0, text });
  };
  const document = yaml.parseDocument(source, { prettyErrors: false });
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const offset = pos[0];
    if (code === "DUPLICATE_KEY") {
      const key = /^[^\s:]*/.exec(source.slice(offset, offset + 80))?.[0] ?? "";
      problems.push({ offset, text: `found the key "${key}" a second time, expected it once` });
      continue;
    }
    const known = PROBLEMS[code];
    problems.push({ offset, text: known ?? `found broken YAML, expected valid YAML (${message})` });
    // What follows a break is mostly its consequence.
    if (known === undefined) break;
  }
  yaml.visit(document, {
    // A few nested aliases can stand for gigabytes.
    Alias: (_, node) => report(node, `found the alias "*${node.source}", expected the value itself`),
    Pair: (_, { key }) => {
      if (!yaml.isScalar(key)) report(key, "found a key that is a map or list, expected a word");
      // Objects of JavaScript lose a key of this name.
      else if (key.value === "__proto__") report(key, 'found unknown key "__proto__", expected a known one');
    },
  });
  return { document, problems };
}

/** Where more than `max` brackets are open, whatever they belong to. */
function nestingBeyond(max: number, source: string): number | undefined {
  let depth = 0;
  for (const { 0: bracket, index } of source.matchAll(/[[\]{}]/g)) {
    depth = bracket === "[" || bracket === "{" ? depth + 1 : Math.max(0, depth - 1);
    if (depth > max) return index;
  }
  return undefined;
}

/** Where in the text a problem is; for what is not there, where the map begins that lacks it. */
export function offsetOf(
  yaml: typeof Yaml,
  document: Yaml.Document,
  { path, at }: { path: readonly (string | number)[]; at: "value" | "key" },
): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const [depth, part] of path.entries()) {
    if (yaml.isMap(node)) {
      const pair = node.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === part);
      if (pair === undefined) break;
      node = at === "key" && depth === path.length - 1 ? pair.key : pair.value;
    } else if (yaml.isSeq(node) && typeof part === "number") {
      node = node.items[part];
    }
    if (yaml.isNode(node)) offset = node.range?.[0] ?? offset;
  }
  return offset;
}
