/** PostgreSQL's own programs in the server's major version: found by path, never by pg_wrapper's guess. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { runTool } from "../system/process.ts";

export interface ClientTools {
  readonly major: number;
  /** As the program says it: `15.18`, `17.6`, `18beta1`. */
  readonly version: string;
  /** Folder of pg_dump, pg_restore, pg_dumpall, psql. */
  readonly binDir: string;
}

/** Older ones have the known holes that `securityFloorReason` names. Source: PostgreSQL's 2026 security releases. */
const securityFloor: Readonly<Record<number, number>> = { 14: 23, 15: 18, 16: 14, 17: 10, 18: 4 };

export const securityFloorReason =
  "it has known holes that a hostile server can use against the client (CVE-2026-6477, CVE-2025-8714)";

const programs = ["pg_dump", "pg_restore", "pg_dumpall", "psql"] as const;
export type ClientProgram = (typeof programs)[number];

/** Where distributions keep one folder for each major version. */
export function usualFolders(major: number): readonly string[] {
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/usr/libexec/postgresql${major}`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
    `/Applications/Postgres.app/Contents/Versions/${major}/bin`,
  ];
}

/**
 * The client tools of `major`, or undefined where no usual folder has all of them.
 * `chosen` is a folder that a person named: then only that one counts, and it must fit (`client-tools-wrong`).
 */
export async function findClientTools(major: number, chosen?: string): Promise<ClientTools | undefined> {
  const folders = chosen === undefined ? usualFolders(major) : [chosen];
  for (const binDir of folders) {
    if (!programs.every((program) => existsSync(join(binDir, program)))) continue;
    const version = await versionOf(join(binDir, "pg_dump"));
    if (majorOf(version) === major) return { major, version, binDir };
    if (chosen !== undefined) {
      throw new LifeboatError(
        "client-tools-wrong",
        `The client tools in ${chosen} are version ${version}; the server needs ${major}.`,
      );
    }
  }
  if (chosen === undefined) return undefined;
  throw new LifeboatError("client-tools-wrong", `The folder ${chosen} does not hold ${programs.join(", ")}.`);
}

export function toolPath(tools: ClientTools, program: ClientProgram): string {
  return join(tools.binDir, program);
}

/** Whether this client is older than the release that closed the known holes. */
export function belowSecurityFloor(version: string): boolean {
  const major = majorOf(version);
  const floor = securityFloor[major];
  // Majors before the table are past their end of life and get no fixes at all.
  if (floor === undefined) return major < Math.min(...Object.keys(securityFloor).map(Number));
  const minor = /^\d+\.(\d+)/.exec(version)?.[1];
  return minor === undefined || Number(minor) < floor;
}

/** Whether the client is of an earlier minor release than a server of its major. */
export function olderThanServer({ major, version }: ClientTools, serverVersion: string): boolean {
  const minorOf = (text: string): number => Number(/^\d+\.(\d+)/.exec(text)?.[1] ?? Number.NaN);
  return majorOf(serverVersion) === major && minorOf(version) < minorOf(serverVersion);
}

/** `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → `15.18` */
export function parseClientVersion(output: string): string | undefined {
  return /\(PostgreSQL\) (\d+(?:\.\d+|beta\d+|rc\d+|devel)?)/.exec(output)?.[1];
}

export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await runTool({ program, args: ["--version"] });
  const version = parseClientVersion(stdout.toString("utf8"));
  if (version !== undefined) return version;
  throw new LifeboatError("client-tools-wrong", `${program} does not say which version of PostgreSQL it is.`);
}
