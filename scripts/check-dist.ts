/** Compares the committed dist/ with a clean rebuild, byte by byte: what is run must be what was reviewed. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildBundle } from "./build.ts";

const committed = resolve(import.meta.dirname, "../dist");
const rebuilt = mkdtempSync(join(tmpdir(), "dist-"));
try {
  buildBundle(rebuilt);
  const names = new Set([...filesOf(committed), ...filesOf(rebuilt)]);
  const different = [...names].sort().filter((name) => !isSame(join(committed, name), join(rebuilt, name)));
  if (different.length > 0) {
    console.error(`dist/ is not what the sources build: ${different.join(", ")}.`);
    console.error("Run `npm ci && npm run build` and commit dist/.");
    process.exitCode = 1;
  } else {
    console.log(`dist/ is what the sources build (${names.size} files).`);
  }
} finally {
  rmSync(rebuilt, { recursive: true, force: true });
}

function filesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
}

function isSame(left: string, right: string): boolean {
  return existsSync(left) && existsSync(right) && readFileSync(left).equals(readFileSync(right));
}
