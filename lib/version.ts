/** The version of this library, a part of every run key. The same as in package.json, which no bundle should have to hold. */
export const VERSION = "1.0.0";
