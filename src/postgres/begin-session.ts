/** The first words of every session of ours: what it began with, then the settings that make all sessions alike. */
import type pg from "pg";
import { LifeboatError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { noteSession, sessionFacts } from "./session-facts.ts";
import { askSettings, dropRole, firstSettings, hideDamage, sessionSettings } from "./session-settings.ts";

/** Only a startup packet can have set it. */
export const optionsMarker = ["lifeboat.options", "taken"] as const;

const arrived = `pg_catalog.current_setting('${optionsMarker[0]}', true) = '${optionsMarker[1]}'`;

/** Throws `session-setting-forced` where damage would be read as nothing, and the role may not change that. */
export async function beginSession(
  client: pg.Client,
  connection: Connection,
  skipsLibraries: boolean,
): Promise<void> {
  await client.query(firstSettings);
  // A role that programs cannot be given is not taken from us either: all must read with the same rights.
  const mayDrop = namesRole(connection) ? "false" : arrived;
  const results = await client.query(
    `${dropRole} and ${mayDrop}; ${askSettings}; select coalesce(${arrived}, false) as taken; ${sessionSettings}`,
  );
  const [dropped, settings, taken] = results as unknown as readonly pg.QueryResult<Record<string, string>>[];
  const rows = settings?.rows ?? [];
  const takesOptions = taken?.rows[0]?.["taken"] === "t";
  const settable = namesOf(rows.filter((row) => row["may_set"] === "t"));
  const differing = namesOf(rows.filter((row) => row["differs"] === "t"));
  const forced = hideDamage.find((name) => differing.has(name) && !settable.has(name));
  if (forced !== undefined) throw forcedSetting(forced);
  // Most servers write amounts of money in their own locale; it matters only where there are such columns.
  if (!takesOptions && differing.has("lc_monetary") && !(await hasMoney(client))) {
    differing.delete("lc_monetary");
  }
  const known = sessionFacts(connection);
  noteSession(connection, {
    settable,
    differing,
    takesOptions,
    dropsRole: dropped?.rowCount === 1 || known?.dropsRole === true,
    skipsLibraries: skipsLibraries || known?.skipsLibraries === true,
  });
}

function namesOf(rows: readonly Record<string, string>[]): Set<string> {
  return new Set(rows.map((row) => row["name"] ?? ""));
}

/** Whoever writes it into the URL means it. */
function namesRole({ options = "" }: Connection): boolean {
  return /(?:-c\s*|--)role\s*=/.test(options);
}

function forcedSetting(name: string): LifeboatError {
  return new LifeboatError(
    "session-setting-forced",
    `The setting ${name} is on for this role, database or server, and the role may not turn it off.`,
    { hint: `As an administrator run: ALTER ROLE <the role> SET ${name} = off; or use a superuser.` },
  );
}

async function hasMoney(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
      where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped
        and (t.oid in (790, 791) or t.typbasetype in (790, 791)) limit 1`,
  );
  return (rowCount ?? 0) > 0;
}
