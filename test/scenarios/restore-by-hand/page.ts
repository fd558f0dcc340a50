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

/** Runs the page's blocks up to and including the section with this number, with the reader's own values. */
export async function followPage(
  variables: PageVariables,
  { lastSection, path }: { readonly lastSection: number; readonly path: string },
): Promise<PageRun> {
  const end = page.indexOf(`\n## ${lastSection + 1}. `);
  const blocks = shellBlocks(end === -1 ? page : page.slice(0, end));
  const [first = "", ...others] = blocks;
  const script = [withValues(first, variables), ...others].join("\n");
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
function withValues(block: string, variables: PageVariables): string {
  const names = [...block.matchAll(/^export ([A-Z_]+)=.*\n/gm)].map(([, name]) => name ?? "");
  if (names.join() !== Object.keys(variables).join() || block.trim().split("\n").length !== names.length) {
    throw new Error(
      `The page's first block must set ${Object.keys(variables).join(", ")}, not ${names.join()}.`,
    );
  }
  return Object.entries<string>({ ...variables })
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`)
    .join("\n");
}
