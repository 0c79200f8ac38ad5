import { expect, test } from "bun:test";
import { mutated, mutationsOf } from "./mutations.ts";

/** The edits of a source, as they are printed. */
const textsOf = (source: string): string[] => mutationsOf(source).map(({ text }) => text);

test.each([
  ["a comparison is turned round, and its border moved", "x < 3;", ["x < 3 -> x >= 3", "x < 3 -> x <= 3"]],
  ["an equality is turned round", "x === y;", ["x === y -> x !== y"]],
  ["a sum is a difference, but texts are joined", "a + b; 'a' + b; a + `b` + c;", ["a + b -> a - b"]],
  ["and is or", "a && b;", ["a && b -> a || b"]],
  ["not is left out", "!a;", ["!a -> a"]],
  ["numbers of 0 and 1 are one more, but others stay", "f(0, 1, 2);", ["f(0, 1, 2); -> ;", "0 -> 1", "1 -> 2"]],
  ["an await is left out", "x = await f();", ["await f() -> f()"]],
  ["a call whose value nobody uses is left out", "fs.closeSync(fd);", ["fs.closeSync(fd); -> ;"]],
  ["a throw is left out", "if (x) throw e;", ["throw e; -> ;"]],
  [
    "a filter and a sort are left out",
    "x = a.filter(f).toSorted(g);",
    ["a.filter(f) -> a", "a.filter(f).toSorted(g) -> a.filter(f)"],
  ],
  ["the least is the most", "x = Math.min(a, b);", ["Math.min(a, b) -> Math.max(a, b)"]],
  ["types are left as they are", "type T = 0 | 1; interface I { readonly a: true }", []],
])("%s", (_name, source, expected) => {
  expect(textsOf(source).toSorted()).toEqual(expected.toSorted());
});

test("an edit changes its place alone, after characters of any width, and knows its line", () => {
  const source = 'const s = "é 🎉";\nif (a < b) f();\n';
  const [turned] = mutationsOf(source);
  expect(turned).toMatchObject({ kind: "comparison", line: 2 });
  expect(mutated(source, turned!)).toBe('const s = "é 🎉";\nif (a >= b) f();\n');
});
