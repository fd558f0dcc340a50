/**
 * Event triggers, foreign data wrappers and some publications may belong to superusers only. A role that the restore
 * makes for ownership alone is none, so it is one while the objects are given to it: PostgreSQL asks only then.
 */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier } from "./identifiers.ts";
import type { ArchiveToc } from "./restore-toc.ts";

/** Owners that must be superusers when the archive is restored. */
export function superuserOwners(toc: ArchiveToc): ReadonlySet<string> {
  const wholeSchemas = new Set(
    toc.entries
      .filter(({ kind }) => kind === "PUBLICATION TABLES IN SCHEMA")
      .flatMap(({ dependencies }) => dependencies),
  );
  const owners = toc.entries
    .filter(
      ({ kind, definition, dumpId }) =>
        kind === "EVENT TRIGGER" ||
        kind === "FOREIGN DATA WRAPPER" ||
        (kind === "PUBLICATION" && (/ FOR ALL TABLES\b/.test(definition) || wholeSchemas.has(dumpId))),
    )
    .map(({ owner }) => owner);
  return new Set(owners.filter((owner) => owner !== ""));
}

/** Throws `restore-impossible` where one of them is here and is no superuser: roles that exist are never altered. */
export async function refuseOrdinaryOwners(sql: Sql, owners: ReadonlySet<string>): Promise<void> {
  const ordinary = await ordinaryOf(sql, [...owners]);
  if (ordinary.length === 0) return;
  throw new LifeboatError(
    "restore-impossible",
    `Only a superuser may own some of the backup's event triggers, publications or foreign data wrappers, and ${ordinary.map(quoteIdentifier).join(", ")} is none here.`,
    {
      hint: "Run ALTER ROLE … SUPERUSER for the time of the restore, or drop the role if an earlier restore had made it.",
    },
  );
}

/** Lends it to those of `created`, and returns what takes it back. */
export async function lendSuperuser(
  sql: Sql,
  owners: ReadonlySet<string>,
  created: readonly string[],
): Promise<() => Promise<void>> {
  const borrowers = await ordinaryOf(
    sql,
    created.filter((role) => owners.has(role)),
  );
  const each = async (word: string): Promise<void> => {
    for (const role of borrowers) await sql.query(`alter role ${quoteIdentifier(role)} ${word}`);
  };
  await each("superuser");
  return () => each("nosuperuser");
}

/** Who is no superuser could neither lend this nor restore such objects; that is said when the first is met. */
async function ordinaryOf(sql: Sql, roles: readonly string[]): Promise<readonly string[]> {
  const { rows } = await sql.query<{ name: string }>(
    `select rolname as name from pg_catalog.pg_roles
     where rolname = any ($1::text[]) and not rolsuper
       and (select rolsuper from pg_catalog.pg_roles where rolname = current_user)`,
    [roles],
  );
  return rows.map(({ name }) => name);
}
