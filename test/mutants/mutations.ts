/** Small edits of a TypeScript file, each of which ought to make a test fail. */
import { parseSync } from "oxc-parser";

/** One edit of a source file. */
export interface Mutation {
  /** What is edited: a kind of MUTATORS. */
  readonly kind: string;
  /** UTF-16 offsets of what is replaced. */
  readonly start: number;
  readonly end: number;
  readonly to: string;
  /** Counted from 1. */
  readonly line: number;
  /** The first line of what is replaced and what replaces it, such as `x < 3 -> x <= 3`. */
  readonly text: string;
}

/** A node of the ESTree that oxc-parser returns. Other fields depend on the type. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** What a mutator puts in place of a node. */
type Replacement = (node: Node, textOf: (node: unknown) => string) => readonly string[];

const NEGATED: Record<string, string> = {
  "<": ">=",
  "<=": ">",
  ">": "<=",
  ">=": "<",
  "===": "!==",
  "!==": "===",
};
const BORDER: Record<string, string> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" };
const ARITHMETIC: Record<string, string> = { "+": "-", "-": "+", "*": "/", "/": "*", "%": "*" };
const ASSIGNED: Record<string, string> = { "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=" };
const LOGICAL: Record<string, string> = { "&&": "||", "||": "&&" };
/** Methods without which their receiver is used as it is. */
const SKIPPED = ["filter", "sort", "toSorted", "reverse", "toReversed", "slice"];
const SWAPPED: Record<string, string> = {
  min: "max",
  max: "min",
  some: "every",
  every: "some",
  floor: "ceil",
  ceil: "floor",
};

/** Whether a node is text, so that a plus beside it joins. */
function isText(node: Node): boolean {
  if (node.type === "Literal") return typeof node["value"] === "string";
  if (node.type === "BinaryExpression") return isText(node["left"] as Node) || isText(node["right"] as Node);
  return node.type === "TemplateLiteral";
}

/** Swaps the operator of `left operator right`. */
const operator =
  (swaps: Record<string, string>): Replacement =>
  (node, textOf) => {
    const to = swaps[node["operator"] as string];
    if (to === undefined || isText(node)) return [];
    return [`${textOf(node["left"])} ${to} ${textOf(node["right"])}`];
  };

/** A call of a method: `receiver.name(...)`. */
function methodOf(node: Node): { name: string; receiver: Node } | undefined {
  const callee = node["callee"] as Node;
  if (callee.type !== "MemberExpression" || callee["computed"] === true) return undefined;
  return { name: (callee["property"] as Node)["name"] as string, receiver: callee["object"] as Node };
}

const MUTATORS: readonly { readonly kind: string; readonly type: string; readonly replace: Replacement }[] = [
  { kind: "comparison", type: "BinaryExpression", replace: operator(NEGATED) },
  { kind: "border", type: "BinaryExpression", replace: operator(BORDER) },
  { kind: "arithmetic", type: "BinaryExpression", replace: operator(ARITHMETIC) },
  { kind: "arithmetic", type: "AssignmentExpression", replace: operator(ASSIGNED) },
  { kind: "logic", type: "LogicalExpression", replace: operator(LOGICAL) },
  {
    kind: "logic",
    type: "UnaryExpression",
    replace: (node, textOf) => (node["operator"] === "!" ? [textOf(node["argument"])] : []),
  },
  {
    kind: "logic",
    type: "Literal",
    replace: (node) => (typeof node["value"] === "boolean" ? [String(!node["value"])] : []),
  },
  {
    // Larger numbers are mostly sizes and times, of which any other would do as well.
    kind: "number",
    type: "Literal",
    replace: ({ value }) => (value === 0 || value === 1 ? [String(value + 1)] : []),
  },
  { kind: "await removed", type: "AwaitExpression", replace: (node, textOf) => [textOf(node["argument"])] },
  {
    kind: "call removed",
    type: "ExpressionStatement",
    replace: ({ expression }) => {
      const { type, argument } = expression as Node;
      const called = type === "AwaitExpression" ? (argument as Node).type : type;
      return called === "CallExpression" ? [";"] : [];
    },
  },
  { kind: "throw removed", type: "ThrowStatement", replace: () => [";"] },
  { kind: "jump removed", type: "ContinueStatement", replace: () => [";"] },
  {
    kind: "method",
    type: "CallExpression",
    replace: (node, textOf) => {
      const method = methodOf(node);
      if (method === undefined) return [];
      const { name, receiver } = method;
      if (SKIPPED.includes(name)) return [textOf(receiver)];
      const swapped = SWAPPED[name];
      if (swapped === undefined) return [];
      return [textOf(node).replace(`${textOf(receiver)}.${name}`, () => `${textOf(receiver)}.${swapped}`)];
    },
  },
];

/** Lists the edits of a file, in the order of its text. */
export function mutationsOf(source: string): readonly Mutation[] {
  const { program, errors } = parseSync("source.ts", source);
  if (errors[0] !== undefined) throw new Error(`Cannot parse: ${errors[0].message}`);
  const textOf = (node: unknown): string => source.slice((node as Node).start, (node as Node).end);
  const mutations: Mutation[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (isNode(value) && !value.type.startsWith("TSType") && !value.type.startsWith("TSInterface")) {
      for (const { kind, type, replace } of MUTATORS) {
        if (value.type !== type) continue;
        for (const to of replace(value, textOf)) mutations.push(mutation(source, { kind, node: value, to }));
      }
      for (const child of Object.values(value)) visit(child);
    }
  };
  visit(program);
  return mutations.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "type" in value;

function mutation(source: string, { kind, node, to }: { kind: string; node: Node; to: string }): Mutation {
  const { start, end } = node;
  const firstLine = (text: string): string => text.trim().split("\n")[0]!;
  return {
    kind,
    start,
    end,
    to,
    line: source.slice(0, start).split("\n").length,
    text: `${firstLine(source.slice(start, end))} -> ${firstLine(to)}`,
  };
}

/** Returns the source with an edit. */
export function mutated(source: string, { start, end, to }: Mutation): string {
  return source.slice(0, start) + to + source.slice(end);
}
