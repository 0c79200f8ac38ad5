import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectionSettings, isNewEnough } from "../../../lib/sweep/nats/connect.node.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

test.each([
  ["2.10.23", true],
  ["2.10.24", true],
  ["2.11.0", true],
  ["3.0.0-beta.1", true],
  ["2.10.22", false],
  ["2.9.99", false],
  ["1.99.99", false],
  ["", false],
])("a server of version %p is new enough: %p", (version, expected) => {
  expect(isNewEnough(version)).toBe(expected);
});

describe("connectionSettings()", () => {
  test.each([
    ["nats://host:4222", { servers: ["host:4222"] }],
    ["nats://a:1,nats://b:2", { servers: ["a:1", "b:2"] }],
    ["nats://token@host", { servers: ["host"], token: "token" }],
    ["nats://me:p%40ss@host", { servers: ["host"], user: "me", pass: "p@ss" }],
    ["tls://host:4222", { servers: ["host:4222"], tls: {} }],
  ])("of %s", (url, expected) => expect(connectionSettings(url)).toEqual(expected));

  test("refuses another protocol without showing a password", () => {
    expect(() => connectionSettings("http://me:s3cret@host")).toThrow(
      /Cannot use --nats: found http:\/\/host, expected nats:/,
    );
  });

  test.each(["me:s3cret@host:4222", "nats://me:s3cret%@host", "nats://me:s3#cret@host"])(
    "refuses %s without showing a password",
    (target) => {
      expect(() => connectionSettings(target)).toThrow(/^Cannot use --nats: (?!.*s3)/);
    },
  );

  test("reads a context of the nats command, and names one that is missing", () => {
    const config = temporaryFolder("nats-context");
    mkdirSync(join(config, "nats", "context"), { recursive: true });
    const creds = join(config, "me.creds");
    writeFileSync(creds, "secret");
    const context = { url: "nats://far:4222", user: "me", password: "pw", token: "", creds, ca: "/ca.pem" };
    writeFileSync(join(config, "nats", "context", "far.json"), JSON.stringify(context));
    const before = process.env["XDG_CONFIG_HOME"];
    process.env["XDG_CONFIG_HOME"] = config;
    try {
      expect(connectionSettings("far")).toEqual({
        servers: ["far:4222"],
        user: "me",
        pass: "pw",
        credentials: Buffer.from("secret"),
        tls: { caFile: "/ca.pem" },
      });
      writeFileSync(join(config, "nats", "context", "bare.json"), JSON.stringify({ creds: join(config, "none") }));
      expect(() => connectionSettings("bare")).toThrow(/^Cannot read ".*none"/);
      expect(() => connectionSettings("near")).toThrow(/found "near", and no context of that name/);
      expect(() => connectionSettings("../far")).toThrow(/found "\.\.\/far", and no context/);
    } finally {
      if (before === undefined) delete process.env["XDG_CONFIG_HOME"];
      else process.env["XDG_CONFIG_HOME"] = before;
    }
  });
});
