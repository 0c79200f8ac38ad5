import manifest from "../package.json" with { type: "json" };

/** The version of this library, a part of every run key. */
export const VERSION: string = manifest.version;
