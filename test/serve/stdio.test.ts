import { expect, test } from "bun:test";
import fc from "fast-check";
import { MessageLines } from "../../lib/serve/message-lines.ts";
import { serveStdio } from "../../lib/serve/stdio.node.ts";

const encoder = new TextEncoder();

/** What is written on the pieces of a stream. `slow` is answered last. */
async function answersTo(pieces: readonly string[]): Promise<string[]> {
  let out = "";
  const slow = Promise.withResolvers<void>();
  async function* input(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield encoder.encode(piece);
    slow.resolve();
  }
  await serveStdio({
    input: input(),
    write: async (text) => void (out += text),
    call: async (method) => {
      if (method === "slow") await slow.promise;
      return method;
    },
    onBug: () => {},
  });
  return out.split("\n").slice(0, -1);
}

const message = (id: number, method = "quick"): string => JSON.stringify({ jsonrpc: "2.0", id, method });

test("answers come as they are ready, and all before the end", async () => {
  const answers = await answersTo([`${message(1, "slow")}\n${message(2)}\n`, `${message(3)}\n`]);
  expect(answers.map((each) => (JSON.parse(each) as { id: number }).id)).toEqual([2, 3, 1]);
});

test("a message may come in pieces, and the last one without a newline; half a one is refused", async () => {
  const text = message(1);
  expect(await answersTo([text.slice(0, 9), text.slice(9)])).toHaveLength(1);
  const answers = await answersTo([`${text}\n${text.slice(0, 9)}`]);
  expect(answers.toSorted()).toEqual([expect.stringContaining("result"), expect.stringContaining("-32700")]);
});

test("a line of more than 1 MiB is refused, and the next one is answered", async () => {
  const [first, second] = await answersTo(["x".repeat(700_000), "x".repeat(700_000), `\n${message(2)}\n`]);
  expect([first, second]).toEqual([expect.stringContaining("1048576"), expect.stringContaining('"id":2')]);
});

test("lines are the same however the stream is cut", () => {
  const lines = fc.array(
    fc.string({ unit: "grapheme", minLength: 1 }).filter((line) => !/[\n\r]/.test(line) && line.trim() !== ""),
  );
  fc.assert(
    fc.property(lines, fc.array(fc.nat(40)), (wanted, cuts) => {
      const bytes = encoder.encode(wanted.map((line) => `${line}\n`).join(""));
      const reader = new MessageLines();
      const found: (string | undefined)[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        found.push(...reader.push(bytes.subarray(at, at + cut)));
        at = Math.min(bytes.length, at + cut);
      }
      expect([...found, ...reader.end()]).toEqual(wanted);
    }),
  );
});
