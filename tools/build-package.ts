/**
 * Builds dist/, the folder of the published package: Node runs no TypeScript below node_modules.
 *
 *     bun run build && npm pack ./dist
 */
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };

const PROJECT_DIR = join(import.meta.dirname, "..");
const DIST = join(PROJECT_DIR, "dist");

/** What every run needs, or is small. All other packages are optional; what needs them says so. */
const ALWAYS_INSTALLED = [
  "@uwdata/flechette",
  "aws4fetch",
  "fflate",
  "fzstd",
  "hyparquet",
  "hyparquet-compressors",
  "jsonrepair",
  "papaparse",
  "yaml",
  "zod",
];

/** The package.json of the published package. */
function publishedManifest(): object {
  const { name, version, description, license, private: isPrivate, type, peerDependencies } = manifest;
  const dependencies = Object.entries(manifest.dependencies);
  const optional = dependencies.filter(([each]) => !ALWAYS_INSTALLED.includes(each));
  const peers = { ...peerDependencies, ...Object.fromEntries(optional.map(([each, exact]) => [each, `^${exact}`])) };
  return {
    name,
    version,
    description,
    license,
    private: isPrivate,
    type,
    exports: Object.fromEntries(Object.entries(manifest.exports).map(([entry, source]) => [entry, builtEntry(source)])),
    bin: { carryover: "scripts/cli/carryover.js" },
    files: ["lib", "scripts", "config.yaml", "data/sample", "docs/examples"],
    engines: { bun: manifest.engines.bun, node: ">=20.16", deno: ">=2.4" },
    dependencies: Object.fromEntries(dependencies.filter(([each]) => ALWAYS_INSTALLED.includes(each))),
    peerDependencies: peers,
    peerDependenciesMeta: Object.fromEntries(Object.keys(peers).map((each) => [each, { optional: true }])),
  };
}

function builtEntry(source: string): object {
  return { types: source.replace(/\.ts$/, ".d.ts"), default: source.replace(/\.ts$/, ".js") };
}

/** Names commands and the library as users of the package do. */
function rename(file: string): void {
  const text = readFileSync(file, "utf8")
    .replaceAll(/\bbun scripts\/([a-z-]+)\.ts/g, "npx carryover $1")
    .replaceAll(/\bbun (?:add|install)\b/g, "npm install")
    .replace('"../../lib/mod.ts"', '"carryover"');
  writeFileSync(file, text);
}

rmSync(DIST, { recursive: true, force: true });
const { exitCode } = Bun.spawnSync([process.execPath, "x", "tsc", "--project", "tsconfig.build.json"], {
  cwd: PROJECT_DIR,
  stdio: ["ignore", "inherit", "inherit"],
});
if (exitCode !== 0) process.exit(exitCode);
for (const name of ["config.yaml", "data/sample", "docs/examples", "LICENSE", "README.md"])
  cpSync(join(PROJECT_DIR, name), join(DIST, name), { recursive: true });
writeFileSync(join(DIST, "package.json"), `${JSON.stringify(publishedManifest(), undefined, 2)}\n`);
for (const name of globSync(["config.yaml", "docs/examples/*", "{lib,scripts}/**/*.js"], { cwd: DIST }))
  rename(join(DIST, name));
