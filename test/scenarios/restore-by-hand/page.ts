/** docs/restore-by-hand.md as a person uses it: its `sh` blocks, one after the other, in one bash. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

const page = readFileSync(resolve(import.meta.dirname, "../../../docs/restore-by-hand.md"), "utf8");

/** The values that the page asks its reader to change. */
export interface PageVariables {
  readonly SNAPSHOT: string;
  readonly DOWNLOADS: string;
  readonly IDENTITY: string;
  readonly PGHOST: string;
  readonly PGPORT: string;
  readonly PGUSER: string;
  readonly TARGET: string;
  readonly TABLE_SCHEMA: string;
  readonly TABLE_NAME: string;
}

export interface PageRun {
  readonly code: number | null;
  readonly output: string;
}

/** The values that its section about buckets asks for. */
export interface BucketVariables {
  readonly STORE: string;
  readonly SOURCE: string;
  readonly ID: string;
  readonly IDENTITY: string;
  readonly TARGET: string;
}

/** The values that its section about applications asks for. */
export interface ApplicationVariables {
  readonly SNAPSHOT: string;
  readonly IDENTITY: string;
  readonly TARGET: string;
}

/** Runs the page's blocks up to and including the section with this number, with the reader's own values. */
export async function followPage(
  variables: PageVariables,
  { lastSection, path }: { readonly lastSection: number; readonly path: string },
): Promise<PageRun> {
  const [first = "", ...others] = shellBlocks(page.slice(0, startOf(lastSection + 1)));
  return runScript([withValues(first, { ...variables }), ...others], path);
}

/** Runs section 11, and before its packs the check of section 3 that it asks for. */
export async function followBuckets(variables: BucketVariables, path: string): Promise<PageRun> {
  const [first = "", ...others] = shellBlocks(page.slice(startOf(11), startOf(12)));
  const checks = shellBlocks(page.slice(startOf(3), startOf(4)));
  const snapshot = 'export SNAPSHOT="$STORE/snapshots/$SOURCE/$ID"';
  return runScript([withValues(first, { ...variables }), snapshot, ...checks, ...others], path);
}

/** Runs section 12, and before its parts the check of section 3 that it asks for. */
export async function followApplication(variables: ApplicationVariables, path: string): Promise<PageRun> {
  const [first = "", ...others] = shellBlocks(page.slice(startOf(12)));
  const checks = shellBlocks(page.slice(startOf(3), startOf(4)));
  return runScript([withValues(first, { ...variables }), ...checks, ...others], path);
}

function startOf(section: number): number {
  const at = page.indexOf(`\n## ${section}. `);
  if (at === -1) throw new Error(`The page has no section ${section}.`);
  return at;
}

async function runScript(blocks: readonly string[], path: string): Promise<PageRun> {
  const script = blocks.join("\n");
  // bash also as an argument: the page's own pipes read from stdin.
  const bash = spawn("bash", ["-euo", "pipefail", "-c", script], {
    env: { PATH: path, HOME: "/nonexistent", LC_ALL: "C.UTF-8" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([text(bash.stdout), text(bash.stderr), once(bash, "close")]);
  return { code: bash.exitCode, output: stdout + stderr };
}

export function shellBlocks(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? "");
}

/** The first block sets the variables, and nothing else. */
function withValues(block: string, variables: Readonly<Record<string, string>>): string {
  const names = [...block.matchAll(/^export ([A-Z_]+)=.*\n/gm)].map(([, name]) => name ?? "");
  if (names.join() !== Object.keys(variables).join() || block.trim().split("\n").length !== names.length) {
    throw new Error(
      `The page's first block must set ${Object.keys(variables).join(", ")}, not ${names.join()}.`,
    );
  }
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`)
    .join("\n");
}
