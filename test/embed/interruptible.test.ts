import { expect, test } from "bun:test";
import { join } from "node:path";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { interruptible } from "../../lib/embed/load.node.ts";
import { PROJECT_DIR } from "../samples.ts";

/** A loop over sentences in another process. Each takes 20 ms, and its promises are already settled, like the model's. */
const PROGRAM = `
  import { embedSentence } from ${JSON.stringify(join(PROJECT_DIR, "lib/embed/embedder.ts"))};
  import { hashingEmbedder } from ${JSON.stringify(join(PROJECT_DIR, "lib/embed/hashing.ts"))};
  import { interruptible } from ${JSON.stringify(join(PROJECT_DIR, "lib/embed/load.node.ts"))};
  import { runScript } from ${JSON.stringify(join(PROJECT_DIR, "scripts/cli/main.ts"))};
  const hashing = hashingEmbedder();
  const burning = {
    ...hashing,
    embed: async (sentence) => {
      for (const end = performance.now() + 20; performance.now() < end;);
      return hashing.embed(sentence);
    },
  };
  await runScript(async ({ signal }) => {
    const embedder = interruptible(burning, signal);
    for (let i = 0; i < 1000; i++) {
      if (i === 3) console.log("going");
      await embedSentence(embedder, "BTCUSD is falling");
    }
  });
`;

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)(
  "%s stops a loop over sentences whose promises are all settled, with exit code %i",
  async (signal, expected) => {
    const child = Bun.spawn([process.execPath, "--eval", PROGRAM], { stdout: "pipe", stderr: "pipe" });
    await child.stdout.getReader().read();
    child.kill(signal);
    // 20 s if nothing stops it.
    expect([await child.exited, await new Response(child.stderr).text()]).toEqual([expected, ""]);
  },
  15_000,
);

test("interruptible() embeds like the wrapped embedder until the signal is aborted, then rejects with its reason", async () => {
  const controller = new AbortController();
  const embedder = interruptible(hashingEmbedder(), controller.signal);
  const sentence = "BTCUSD is falling fast";
  expect(embedder).toMatchObject({ id: "hashing", fingerprint: hashingEmbedder().fingerprint, dim: 128 });
  expect(await embedder.embed(sentence)).toEqual(await hashingEmbedder().embed(sentence));
  controller.abort(new Error("enough"));
  await expect(embedder.embed(sentence)).rejects.toThrow("enough");
});
