import { describe, expect, test } from "bun:test";
import { redactor } from "../../../lib/providers/recorded/redact.ts";

const escaped = (text: string): string =>
  text.replaceAll(/[^]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);

describe("a key is hidden", () => {
  test.each(["sk-0123456789", "sk-01\\23456", "\\\\\\sk-0123", "sk-0123456\\", '"sk"-\\"0123', "\\".repeat(9)])(
    "however JSON escapes it: %s",
    (key) => {
      const hide = redactor(key);
      const once = JSON.stringify(key).slice(1, -1);
      const twice = JSON.stringify(once).slice(1, -1);
      const escapedTwice = JSON.stringify(escaped(key)).slice(1, -1);
      for (const form of [key, key.toUpperCase(), once, twice, escaped(key), escapedTwice]) {
        expect(hide(`is ${form} it`)).toBe("is [key] it");
      }
    },
  );

  test("quickly in a text of backslashes, also if it has some itself", () => {
    const text = "\\".repeat(20_000);
    for (const key of [
      "sk-0123456789",
      `${"\\".repeat(8)}x`,
      "\\a".repeat(8),
      `${"\\".repeat(4)}x${"\\".repeat(4)}y`,
    ]) {
      expect(redactor(key)(text)).toBe(text);
    }
  });

  test("unless it is too short to be a real key", () => {
    expect(redactor("ollama")("ollama")).toBe("ollama");
    expect(redactor(undefined)("text")).toBe("text");
  });
});
