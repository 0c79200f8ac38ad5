/** What memory uses of fflate: of a whole `import()` a bundler would keep everything. */
export { gzipSync } from "fflate/browser";
