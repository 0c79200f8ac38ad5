/** A bucket that is used from another process: in a worker, or in a page. */
import type { Bucket } from "../../lib/storage/bucket.ts";

/** Does one call. */
export async function answerCall(bucket: Bucket, call: string): Promise<string> {
  const [method, ...args] = JSON.parse(call, revive) as [keyof Bucket, ...unknown[]];
  const work = bucket[method] as (...args: unknown[]) => Promise<unknown>;
  const result = await work.apply(bucket, args);
  return JSON.stringify({ result }, replace);
}

/** @param send Sends one call to `answerCall()`. */
export function remoteBucket(
  send: (call: string) => Promise<string>,
  options: Pick<Bucket, "maxObjectBytes"> = {},
): Bucket {
  const ask = async <T>(...call: unknown[]): Promise<T> =>
    (JSON.parse(await send(JSON.stringify(call, replace)), revive) as { result: T }).result;
  return {
    ...options,
    get: (key, range) => ask("get", key, range),
    put: (key, bytes, when) => ask("put", key, bytes, when),
    delete: (key, when) => (when === undefined ? ask("delete", key) : ask("delete", key, when)),
    list: (prefix) => ask("list", prefix),
  };
}

function replace(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { base64: value.toBase64() } : value;
}

function revive(_key: string, value: unknown): unknown {
  const isBytes = typeof value === "object" && value !== null && "base64" in value;
  return isBytes ? Uint8Array.fromBase64(String(value.base64)) : value;
}
