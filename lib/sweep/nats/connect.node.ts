/** A connection to a NATS server, by its URL or by a context of the `nats` command. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ConnectionOptions, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { type CarryoverError, fail, messageOf } from "../../errors.ts";
import { attempt, readRegular } from "../../storage/fs.node.ts";
import { isRecord } from "../../util/json.ts";
import { unlessAborted } from "../../util/async.ts";
import { loadOptional } from "../../util/optional-packages.ts";

/** Earlier servers can keep acknowledged messages of a work queue for ever. */
const MIN_SERVER = [2, 10, 23] as const;

/** How long a first connection may take, and how long the client waits between attempts to get a lost one back. */
const CONNECT_TIMEOUT_MS = 5000;
const RECONNECT_WAIT_MS = 500;

/** A context, and the file of credentials that it names. */
const MAX_SETTINGS_BYTES = 1 << 20;

/** Names of files that `nats context` keeps for TLS. */
type Tls = NonNullable<NodeConnectionOptions["tls"]>;

/** The packages that a sweep over NATS needs. */
const NATS_PACKAGES = ["@nats-io/transport-node", "@nats-io/jetstream", "@nats-io/kv", "@nats-io/obj"] as const;

/**
 * Connects, and goes on trying whenever the connection is lost later.
 *
 * @param target A URL such as `nats://user:password@host:4222` or `tls://host`, or the name of a context of the `nats` command.
 * @param options `name`: what the server shows for this client.
 * @throws {CarryoverError} `NOT_FOUND` for a missing package or context, `BAD_USAGE` for a wrong URL, credentials or an old server,
 * `IO` if nobody answers; the reason of the signal.
 */
export async function connectNats(
  target: string,
  options: { name: string; signal: AbortSignal },
): Promise<NatsConnection> {
  const { connect, credsAuthenticator } = await loadOptional(() => import("@nats-io/transport-node"), {
    tried: "Cannot use NATS",
    packages: NATS_PACKAGES,
  });
  const { credentials, ...settings } = connectionSettings(target);
  const label = labelOf(settings.servers);
  const connecting = connect({
    ...settings,
    ...(credentials !== undefined && { authenticator: credsAuthenticator(credentials) }),
    name: options.name,
    timeout: CONNECT_TIMEOUT_MS,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    maxReconnectAttempts: -1,
  });
  let connection: NatsConnection;
  try {
    connection = await unlessAborted(connecting, options.signal);
  } catch (cause) {
    if (!options.signal.aborted) throw notConnected(label, cause);
    // Otherwise it would keep the process alive.
    connecting.then((late) => late.close()).catch(() => {});
    throw cause;
  }
  const version = connection.info?.version ?? "";
  if (isNewEnough(version)) return connection;
  await connection.close();
  const expected = `${MIN_SERVER.join(".")} or newer: earlier ones can keep finished cells for ever`;
  throw fail("BAD_USAGE", `Cannot use the NATS server ${label}`, { found: `version ${version}`, expected });
}

function notConnected(label: string, cause: unknown): CarryoverError {
  const text = messageOf(cause);
  if (/authoriz|authentic|permission/i.test(text)) {
    const expected = "a user, token or context that the server knows";
    return fail("BAD_USAGE", `Cannot use the NATS server ${label}`, { found: `"${text}"`, expected, cause });
  }
  const expected = "a running server with JetStream (nats-server -js)";
  return fail("IO", `Cannot reach the NATS server ${label}`, { found: text, expected, cause });
}

/** Whether a server has what a sweep needs. @param version Such as `2.10.23`. */
export function isNewEnough(version: string): boolean {
  const parts = version.split(/[.-]/).slice(0, 3).map(Number);
  const differing = MIN_SERVER.findIndex((least, i) => parts[i] !== least);
  return differing === -1 || (parts[differing] ?? 0) > MIN_SERVER[differing]!;
}

/** Options of a connection; `credentials`: the content of a .creds file. */
type Settings = Pick<ConnectionOptions, "user" | "pass" | "token"> & {
  readonly servers: string[];
  readonly tls?: Tls;
  readonly credentials?: Uint8Array;
};

/** What a URL or a context says. @throws {CarryoverError} `BAD_USAGE`, `NOT_FOUND`. */
export function connectionSettings(target: string): Settings {
  return target.includes("://") ? settingsOfUrls(target) : settingsOfContext(target);
}

function settingsOfUrls(text: string): Settings {
  const urls = text.split(",").map((each) => urlOf(each.trim()));
  const [{ username, password }] = urls as [URL];
  const isTls = urls.some(({ protocol }) => protocol === "tls:");
  const user = decoded(username);
  return {
    servers: urls.map(({ host }) => host),
    ...(password !== "" ? { user, pass: decoded(password) } : user !== "" && { token: user }),
    ...(isTls && { tls: {} }),
  };
}

/** A part of a URL, whose special characters are written as `%40`. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    const found = "a user or password with a % that stands for nothing";
    throw fail("BAD_USAGE", "Cannot use --nats", { found, expected: "%25 for each %" });
  }
}

function urlOf(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && ["nats:", "tls:"].includes(url.protocol) && url.host !== "") return url;
  const { host } = url ?? { host: "" };
  const found = host === "" ? "another form" : `${url!.protocol}//${host}`;
  throw fail("BAD_USAGE", "Cannot use --nats", { found, expected: "nats://HOST:4222, tls://HOST:4222 or a context" });
}

/** Reads `~/.config/nats/context/<name>.json`, as `nats context` writes it. */
function settingsOfContext(name: string): Settings {
  const folder = join(process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "nats", "context");
  const file = join(folder, `${name}.json`);
  if (!/^[\w.-]+$/.test(name) || !existsSync(file)) {
    const expected = "a URL such as nats://127.0.0.1:4222, or the name of a context (nats context ls)";
    // It may be a URL without its beginning, with a password.
    const shown = name.includes("@") ? "no URL" : JSON.stringify(name);
    throw fail("NOT_FOUND", "Cannot use --nats", { found: `${shown}, and no context of that name`, expected });
  }
  const context = parseContext(file);
  const text = (key: string): string | undefined => {
    const value = context[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const settings = settingsOfUrls(text("url") ?? "nats://127.0.0.1:4222");
  const [user, pass, token, creds] = ["user", "password", "token", "creds"].map(text);
  const tls: Tls = {
    ...(text("ca") !== undefined && { caFile: text("ca")! }),
    ...(text("cert") !== undefined && { certFile: text("cert")! }),
    ...(text("key") !== undefined && { keyFile: text("key")! }),
  };
  return {
    ...settings,
    ...(user !== undefined && { user }),
    ...(pass !== undefined && { pass }),
    ...(token !== undefined && { token }),
    ...(creds !== undefined && {
      credentials: attempt("read", creds, () => readRegular(creds, { maxBytes: MAX_SETTINGS_BYTES })),
    }),
    ...(Object.keys(tls).length > 0 && { tls }),
  };
}

function parseContext(file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(readRegular(file, { maxBytes: MAX_SETTINGS_BYTES })));
    if (isRecord(value)) return value;
  } catch (cause) {
    throw fail("BAD_USAGE", `Cannot read "${file}"`, { found: messageOf(cause), expected: "a context", cause });
  }
  throw fail("BAD_USAGE", `Cannot read "${file}"`, { found: "no object", expected: "a context" });
}

/** Servers without what is secret. */
function labelOf(servers: readonly string[]): string {
  return servers.join(", ");
}
