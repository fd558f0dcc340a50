/**
 * What of a schema archive only a superuser may create. It is created by our own superuser, statement by statement:
 * none of these statements executes anything of the backup, and what is not exactly of a known kind is left to the
 * ordinary role, which PostgreSQL then refuses.
 */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier } from "./identifiers.ts";
import type { TocEntry } from "./restore-toc.ts";
import { bareWords, runStatement, splitStatements } from "./sql-statements.ts";

/** Words that every statement of such an entry begins with. */
const beginnings: Readonly<Record<string, RegExp>> = {
  "ACCESS METHOD": /^CREATE ACCESS METHOD /,
  AGGREGATE: /^CREATE AGGREGATE /,
  CAST: /^CREATE CAST /,
  COMMENT: /^COMMENT ON /,
  "EVENT TRIGGER": /^(?:CREATE|ALTER) EVENT TRIGGER /,
  "FOREIGN DATA WRAPPER": /^CREATE FOREIGN DATA WRAPPER /,
  FUNCTION: /^CREATE FUNCTION /,
  "OPERATOR CLASS": /^CREATE OPERATOR CLASS /,
  "OPERATOR FAMILY": /^(?:CREATE|ALTER) OPERATOR FAMILY /,
  "PROCEDURAL LANGUAGE": /^CREATE (?:OR REPLACE )?(?:TRUSTED )?(?:PROCEDURAL )?LANGUAGE /,
  PROCEDURE: /^CREATE PROCEDURE /,
  PUBLICATION: /^CREATE PUBLICATION /,
  "PUBLICATION TABLES IN SCHEMA": /^ALTER PUBLICATION /,
  "SHELL TYPE": /^CREATE TYPE /,
  // To the end of it, so that no name can hide that it would connect; given twice, an option is refused.
  SUBSCRIPTION: /^CREATE SUBSCRIPTION [^]* WITH \(connect = false(?:, \w+ = (?:'(?:[^']|'')*'|[\w.-]+))*\)$/,
  "TEXT SEARCH PARSER": /^CREATE TEXT SEARCH PARSER /,
  "TEXT SEARCH TEMPLATE": /^CREATE TEXT SEARCH TEMPLATE /,
  TRANSFORM: /^CREATE TRANSFORM /,
  TYPE: /^CREATE TYPE /,
};
const always = new Set([
  ...["ACCESS METHOD", "EVENT TRIGGER", "FOREIGN DATA WRAPPER", "OPERATOR CLASS", "OPERATOR FAMILY"],
  ...["PROCEDURAL LANGUAGE", "PUBLICATION", "PUBLICATION TABLES IN SCHEMA", "SHELL TYPE", "SUBSCRIPTION"],
  ...["TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "TRANSFORM"],
]);
/** Comments on what no ordinary role owns. */
const onSuperusers =
  /^(?:ACCESS METHOD|CAST|EVENT TRIGGER|LANGUAGE|PROCEDURAL LANGUAGE|SUBSCRIPTION|TEXT SEARCH (?:PARSER|TEMPLATE)|TRANSFORM) /;

/** `reserved`: settings that only a superuser may set. */
export function needsSuperuser(entry: TocEntry, reserved: ReadonlySet<string>): boolean {
  const { kind, definition, tag } = entry;
  // An own validator would be called.
  if (kind === "FOREIGN DATA WRAPPER" && / VALIDATOR [^]* OPTIONS /.test(definition)) return false;
  if (always.has(kind)) return true;
  if (kind === "COMMENT") return onSuperusers.test(tag);
  if (kind === "TYPE") return /\n {4}INPUT = /.test(definition);
  if (kind === "AGGREGATE") return /\n {4}STYPE = internal\b/.test(definition);
  if (kind === "CAST") return isCastOfBuiltIns(definition);
  if (kind !== "FUNCTION" && kind !== "PROCEDURE") return false;
  return isFunctionOfSuperusers(definition, reserved);
}

function isFunctionOfSuperusers(definition: string, reserved: ReadonlySet<string>): boolean {
  const head = /^[^]*?\n {4}(?:AS |BEGIN ATOMIC|RETURN )/.exec(definition)?.[0] ?? definition;
  // Constants in defaults and in parsed bodies go through the input functions of somebody's own types.
  if (/\bDEFAULT\b|\n {4}(?:BEGIN ATOMIC|RETURN )/.test(head)) return false;
  const settings = [...head.matchAll(/\n {4}SET "?([\w.]+)"? TO /g)].map(([, name]) => name ?? "");
  return /\bLEAKPROOF\b|\bSUPPORT \S/.test(head) || settings.some((name) => reserved.has(name.toLowerCase()));
}

/** Somebody's own types are written with their schema. */
function isCastOfBuiltIns(definition: string): boolean {
  const types = /^CREATE CAST \((.*?)\) WITH(OUT FUNCTION)?/s.exec(definition);
  return types?.[1] !== undefined && (types[2] !== undefined || !types[1].includes("."));
}

export async function reservedSettings(superuser: Sql): Promise<ReadonlySet<string>> {
  const { rows } = await superuser.query<{ name: string }>(
    "select pg_catalog.lower(name) as name from pg_catalog.pg_settings where context like 'superuser%'",
  );
  return new Set(rows.map(({ name }) => name));
}

/** Kinds that have owners, of those above. */
const owned = new Set([
  ...["AGGREGATE", "EVENT TRIGGER", "FOREIGN DATA WRAPPER", "FUNCTION", "OPERATOR CLASS", "OPERATOR FAMILY"],
  ...["PROCEDURE", "PUBLICATION", "SUBSCRIPTION", "TYPE"],
]);
/** PostgreSQL gives them to superusers only, and asks only then. */
const superusersOwn = new Set(["EVENT TRIGGER", "FOREIGN DATA WRAPPER", "PUBLICATION", "SUBSCRIPTION"]);

/** Throws `tool-failed`, as pg_restore's own refusals do. */
export async function createAsSuperuser(superuser: Sql, entry: TocEntry): Promise<void> {
  const beginning = beginnings[entry.kind];
  try {
    for (const statement of splitStatements(entry.definition)) {
      if (beginning?.test(statement) !== true) throw new Error(`it is not written as ${entry.kind} is`);
      await runStatement(superuser, statement);
    }
    if (entry.owner !== "" && owned.has(entry.kind)) await giveToOwner(superuser, entry);
  } catch (cause) {
    throw refusedEntry(entry, cause);
  }
}

/** In one transaction, so that nobody ever sees the owner as a superuser; a role without login it is anyway. */
async function giveToOwner(superuser: Sql, { kind, dropStatement, owner }: TocEntry): Promise<void> {
  const identity = /^DROP (.*);\n$/s.exec(dropStatement)?.[1] ?? "";
  if (!identity.startsWith(`${kind} `) || bareWords(identity) === undefined)
    throw new Error("its name is odd");
  const role = quoteIdentifier(owner);
  const lends = superusersOwn.has(kind);
  await superuser.query("begin");
  try {
    if (lends) await superuser.query(`alter role ${role} superuser`);
    await runStatement(superuser, `alter ${identity} owner to ${role}`);
    if (lends) await superuser.query(`alter role ${role} nosuperuser`);
    await superuser.query("commit");
  } catch (cause) {
    await superuser.query("rollback");
    throw cause;
  }
}

export function refusedEntry({ kind }: TocEntry, cause: unknown): LifeboatError {
  const why = (cause as Error).message;
  return new LifeboatError("tool-failed", `An entry of the archive (${kind}) was refused: ${why}.`, {
    publicSentence: "An entry of the archive was refused.",
    cause,
  });
}
