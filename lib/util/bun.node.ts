/** Typed here, so that a program which imports these sources needs no types of Bun. */
export interface BunFunctions {
  readonly hash: { crc32(bytes: Uint8Array, before?: number): number };
  readonly SHA256: { hash(text: string, encoding: "hex"): string };
  readonly YAML: { parse(text: string): unknown };
  gunzipSync(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  gc(isSynchronous: boolean): unknown;
}

/** Bun's own functions; `undefined` on other engines. */
export const bun: BunFunctions | undefined = (globalThis as { Bun?: BunFunctions }).Bun;
