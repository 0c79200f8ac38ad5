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

  test.each(["sk-0123456789", "a b+c/d?e&f=g", "ключ-0123"])("in an address, also in one inside another: %s", (key) => {
    const percent = [...new TextEncoder().encode(key)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    const once = encodeURIComponent(key);
    for (const form of [once, once.toLowerCase(), encodeURIComponent(once), percent, encodeURIComponent(percent)]) {
      expect(redactor(key)(`GET /v1?key=${form}&x=1`)).toBe("GET /v1?key=[key]&x=1");
    }
  });

  test("in base64, alone or behind a user's name of any length, also in that of addresses", () => {
    const key = "sk-0123?456>789~~";
    for (const user of ["", "u:", "me:", "user:", "someone:"]) {
      for (const tail of ["", "\n", "xy"]) {
        const form = Buffer.from(`${user}${key}${tail}`).toString("base64");
        const forUrl = Buffer.from(`${user}${key}${tail}`).toString("base64url");
        for (const shown of [form, forUrl, encodeURIComponent(form), JSON.stringify(form)]) {
          const hidden = redactor(key)(`Authorization: Basic ${shown}`);
          expect(hidden).toContain("[key]");
          // What is left are digits of the neighbours, of at most four bits of the key each.
          expect(hidden.replace("[key]", "").length).toBeLessThan(
            "Authorization: Basic ".length + 2 * user.length + 14,
          );
        }
      }
    }
  });

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
