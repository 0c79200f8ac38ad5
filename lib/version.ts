/** The version of this library, a part of every run key. The same as in package.json, which no bundle should have to hold. */
export const VERSION = "0.3.0";
