import { expect, test } from "bun:test";
import { crashStates, type Files, finalState } from "./crash-states.ts";
import type { Step } from "./trace.ts";

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function filesOf(files: Record<string, string>): Files {
  return new Map(Object.entries(files).map(([path, text]) => [path, utf8(text)]));
}

/** Each state as `path=text ...`, sorted, with a dot for a zero byte, and each acknowledgement after `!`. */
function statesOf(before: Record<string, string>, steps: readonly Step[]): string[] {
  return crashStates(filesOf(before), steps)
    .map(({ files, acknowledged }) => {
      const texts = [...files].map(
        ([path, bytes]) => `${path}=${new TextDecoder().decode(bytes).replaceAll("\0", ".")}`,
      );
      return [...texts, ...acknowledged.map((what) => `!${what}`)].join(" ");
    })
    .sort();
}

const REPLACE: readonly Step[] = [
  { call: "create", path: "tmp" },
  { call: "write", path: "tmp", offset: 0, bytes: utf8("abcd") },
  { call: "sync", path: "tmp" },
  { call: "rename", from: "tmp", to: "a" },
  { call: "sync", path: "" },
  { call: "acknowledge", what: "a" },
];

test("a replaced file is the old or the new one, and the new one after the sync of its folder", () => {
  expect(statesOf({ a: "old" }, REPLACE)).toEqual([
    "a=abcd !a",
    "a=old",
    "a=old tmp=",
    "a=old tmp=....",
    "a=old tmp=ab",
    "a=old tmp=ab..",
    "a=old tmp=abcd",
  ]);
});

test("without the sync of the file, its new name may hold any part of it", () => {
  const steps = REPLACE.filter((step) => step.call !== "sync" || step.path !== "tmp");
  const acknowledged = statesOf({ a: "old" }, steps).filter((state) => state.endsWith("!a"));
  expect(acknowledged).toEqual(["a= !a", "a=.... !a", "a=ab !a", "a=ab.. !a", "a=abcd !a"]);
});

test("without the sync of the folder, the old file may come back after the acknowledgement", () => {
  const steps = REPLACE.filter((step) => step.call !== "sync" || step.path !== "");
  const acknowledged = statesOf({ a: "old" }, steps).filter((state) => state.endsWith("!a"));
  expect(acknowledged).toEqual(["a=abcd !a", "a=old !a", "a=old tmp=abcd !a"]);
});

test("a moved file is in one of the folders or in both; a lost folder takes its files with it", () => {
  const steps: readonly Step[] = [
    { call: "mkdir", path: "q" },
    { call: "sync", path: "" },
    { call: "rename", from: "a", to: "q/a" },
    { call: "mkdir", path: "r" },
    { call: "create", path: "r/b" },
    { call: "sync", path: "r" },
  ];
  expect(statesOf({ a: "A" }, steps)).toEqual([
    "a=A",
    "a=A q/=",
    "a=A q/= q/a=A",
    "a=A q/= q/a=A r/=",
    "a=A q/= q/a=A r/= r/b=",
    "a=A q/= r/=",
    "a=A q/= r/= r/b=",
    "q/= q/a=A",
    "q/= q/a=A r/=",
    "q/= q/a=A r/= r/b=",
  ]);
});

test("a move is certain when both folders are synced; syncing only the old one may lose the file, only the new one may keep it twice", () => {
  const move: readonly Step[] = [{ call: "rename", from: "a", to: "q/a" }];
  const left: Step = { call: "sync", path: "" };
  const entered: Step = { call: "sync", path: "q" };
  const moved: Step = { call: "acknowledge", what: "moved" };
  const after = (...syncs: readonly Step[]): string[] =>
    statesOf({ a: "A", "q/": "" }, [...move, ...syncs, moved]).filter((state) => state.includes("!"));
  expect(after(entered, left)).toEqual(["q/= q/a=A !moved"]);
  expect(after(left)).toEqual(["q/= !moved", "q/= q/a=A !moved"]);
  expect(after(entered)).toEqual(["a=A q/= q/a=A !moved", "q/= q/a=A !moved"]);
  expect(after()).toEqual(["a=A q/= !moved", "a=A q/= q/a=A !moved", "q/= q/a=A !moved"]);
});

test("an append grows a file, a truncation or removal may be lost, and two names of a file share its bytes", () => {
  const steps: readonly Step[] = [
    { call: "truncate", path: "v", size: 2 },
    { call: "write", path: "v", offset: 2, bytes: utf8("xy") },
    { call: "link", from: "v", to: "w" },
    { call: "remove", path: "v" },
  ];
  expect(Object.fromEntries(finalState(filesOf({ v: "123" }), steps))).toEqual({ w: utf8("12xy") });
  const states = statesOf({ v: "123" }, steps);
  for (const state of ["v=123", "v=12", "v=12xy", "v=12x", "v=12..", "v=12x.", "v=12xy w=12xy", "", "w=123"]) {
    expect(states).toContain(state);
  }
});
