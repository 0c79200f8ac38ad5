import manifest from "../package.json" with { type: "json" };

/** This version of Carryover: a part of every run key. */
export const VERSION: string = manifest.version;
