/** Archive entries as statements, one by one in the open transaction, so that a refusal names the entry it is about. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "../postgres/client.ts";
import type { TocEntry } from "../postgres/restore-toc.ts";
import type { RunElevated } from "./elevated.ts";

export interface EntryRunner {
  readonly sql: Sql;
  readonly targetMajor: number;
  readonly runElevated: RunElevated;
}

/** Throws `project-refused` at the first that the target does not take; `elevated` as supautils allows it. */
export async function runEntries(
  { sql, targetMajor, runElevated }: EntryRunner,
  entries: readonly TocEntry[],
  { elevated = false } = {},
): Promise<void> {
  for (const entry of entries) {
    const statement = statementOf(entry, targetMajor);
    if (statement === "") continue;
    try {
      if (elevated) await runElevated(sql, statement);
      else await sql.query(statement);
    } catch (cause) {
      throw entryRefused(entry, cause);
    }
  }
}

/** What pg_restore would run, less what this server's version does not know. */
export function statementOf({ kind, definition, tag }: TocEntry, targetMajor: number): string {
  if (kind === "BLOB METADATA") return definition === "" ? "" : createLargeObjects(definition);
  if (kind === "BLOB" && definition === "") return createLargeObjects(tag);
  const isGrant = kind === "ACL" || kind === "DEFAULT ACL";
  return isGrant ? plainGrants(definition, targetMajor) : definition;
}

/** From version 17 on the archive has their oids, one a line, and no statement. */
function createLargeObjects(oids: string): string {
  const list = oids.split(/\s+/).filter((oid) => /^\d+$/.test(oid));
  return list.map((oid) => `select pg_catalog.lo_create(${oid});`).join("\n");
}

/**
 * Grants of other grantors would need SET SESSION AUTHORIZATION, which takes a superuser: they are given by the owner
 * instead. MAINTAIN is of version 17.
 */
export function plainGrants(definition: string, targetMajor: number): string {
  const lines = definition.split("\n").filter((line) => !/^(?:RE)?SET SESSION AUTHORIZATION/.test(line));
  if (targetMajor >= 17) return lines.join("\n");
  return lines
    .map((line) => {
      const match =
        /^((?:ALTER DEFAULT PRIVILEGES .*? )?(?:GRANT|REVOKE) (?:GRANT OPTION FOR )?)([A-Z, ]+)( ON .*)$/s.exec(
          line,
        );
      if (match === null) return line;
      const [, head = "", privileges = "", tail = ""] = match;
      const known = privileges.split(",").filter((word) => word.trim() !== "MAINTAIN");
      return known.length === 0 ? "" : `${head}${known.join(",")}${tail}`;
    })
    .join("\n");
}

export function entryRefused({ kind, tag, schema }: TocEntry, cause: unknown): LifeboatError {
  const name = schema === "" ? tag : `${schema}.${tag}`;
  const { code } = cause as { code?: unknown };
  return new LifeboatError(
    "project-refused",
    `The target refused the ${kind} ${JSON.stringify(name)}: ${(cause as Error).message}.`,
    {
      publicSentence: `The target refused a ${kind} of the backup (SQLSTATE ${String(code)}).`,
      cause,
    },
  );
}
