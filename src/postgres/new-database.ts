/**
 * A new, empty database with the inside and outside properties of another one, from our own quoted SQL: the words of
 * a snapshot become identifiers and constants, never statements.
 */
import { LifeboatError } from "../errors.ts";
import type { DatabaseProperties } from "../snapshot/contents.ts";
import type { Finding } from "../verification/findings.ts";
import { type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier, quoteLiteral } from "./identifiers.ts";
import { sessionFacts, withoutFacts } from "./session-facts.ts";
import { aclStatements, settingStatement } from "./restore-properties.ts";

export interface NewDatabase {
  readonly name: string;
  readonly properties: DatabaseProperties;
  readonly serverMajor: number;
  /** Names of the roles that the server has, after missing ones were created. */
  readonly roles: ReadonlySet<string>;
  /** For throwaway servers: C where the machine lacks the locale, with a finding, instead of an error. */
  readonly substituteLocale?: boolean;
}

/** SQLSTATEs of CREATE DATABASE for a locale that the server's machine does not have. */
const localeRefusals = new Set(["22023", "42809", "42704", "0A000", "58P01"]);

/** Runs CREATE DATABASE, and leaves everything that `applyProperties` sets to it. */
export async function createDatabase(sql: Sql, wanted: NewDatabase): Promise<readonly Finding[]> {
  const { name, properties, serverMajor, roles } = wanted;
  const owner = roles.has(properties.owner) ? properties.owner : undefined;
  const findings: Finding[] = owner === undefined ? [ownerMissing(properties.owner)] : [];
  try {
    await sql.query(createDatabaseSql(name, properties, serverMajor, owner));
    return findings;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (!localeRefusals.has(code ?? "")) throw createFailed(name, error);
    if (wanted.substituteLocale !== true) {
      throw new LifeboatError(
        "restore-impossible",
        `The server cannot create a database with the backup's encoding and locale: ${message}.`,
        {
          hint: "Install the locale on the server's machine (locale-gen), then restart PostgreSQL.",
          cause: error,
        },
      );
    }
  }
  const plain = { ...properties, collate: "C", ctype: "C", localeProvider: "libc", locale: null };
  await sql.query(createDatabaseSql(name, plain, serverMajor, owner)).catch((error: unknown) => {
    throw createFailed(name, error);
  });
  return [...findings, localeSubstituted(properties)];
}

/** CREATE DATABASE in the words of that server's major version. */
export function createDatabaseSql(
  name: string,
  properties: DatabaseProperties,
  serverMajor: number,
  owner: string | undefined,
): string {
  const { localeProvider: provider, locale } = properties;
  const words = [
    `create database ${quoteIdentifier(name)} template template0`,
    `encoding ${quoteLiteral(properties.encoding)}`,
    `lc_collate ${quoteLiteral(properties.collate)}`,
    `lc_ctype ${quoteLiteral(properties.ctype)}`,
  ];
  if (serverMajor >= 15) words.push(`locale_provider ${quoteLiteral(provider)}`);
  if (provider === "icu" && locale !== null) words.push(`icu_locale ${quoteLiteral(locale)}`);
  if (provider === "builtin" && locale !== null) words.push(`builtin_locale ${quoteLiteral(locale)}`);
  if (owner !== undefined) words.push(`owner ${quoteIdentifier(owner)}`);
  return words.join(" ");
}

/** Why a server of this major version cannot have such a database at all; undefined where it can. */
export function providerRefusal(properties: DatabaseProperties, serverMajor: number): string | undefined {
  const since = { libc: 0, icu: 15, builtin: 17 }[properties.localeProvider];
  if (since === undefined) return `its locale provider "${properties.localeProvider}" is not known`;
  if (serverMajor >= since) return undefined;
  return `its locale provider ${properties.localeProvider} needs PostgreSQL ${since} or later`;
}

/**
 * Access rights, settings and comment of the database. Settings are in force for the load, as they are with
 * `pg_restore --create`: a materialized view's query may need them. One that the server refuses becomes a finding.
 */
export async function applyProperties(
  sql: Sql,
  name: string,
  properties: DatabaseProperties,
  roles: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const { statements, unknownRoles } = aclStatements(name, properties, roles);
  const findings: Finding[] = unknownRoles.map(grantLeftOut);
  for (const statement of statements) {
    await sql.query(statement).catch((error: unknown) => findings.push(propertyRefused(statement, error)));
  }
  for (const { role, setting } of properties.settings.filter((one) => !isPreload(one))) {
    if (role !== "" && !roles.has(role)) {
      findings.push(grantLeftOut(role));
      continue;
    }
    await sql.query(settingStatement(name, role, setting)).catch((error: unknown) => {
      // Only the setting's name: its value may be a secret (a signing key, say), also in the server's own message.
      const what = `the setting ${quoteIdentifier(setting.slice(0, setting.indexOf("=")))}`;
      findings.push(propertyRefused(what, (error as { code?: unknown }).code));
    });
  }
  return findings;
}

/** Libraries that every session loads: a session on a server that lacks one is refused. */
export function isPreload({ setting }: { readonly setting: string }): boolean {
  return /^(?:local|session|shared)_preload_libraries=/i.test(setting);
}

interface SettingOf {
  readonly role: string;
  readonly setting: string;
}

/**
 * Such settings come last of all, one by one, and stay only if a session can be opened with them. `database` is the new
 * one's connection, `name` what it will be called.
 */
export async function applyPreloads(
  sql: Sql,
  { database, name }: { readonly database: Connection; readonly name: string },
  {
    settings,
    ofRoles,
  }: {
    readonly settings: readonly SettingOf[];
    /** In all databases, set already. */ readonly ofRoles: readonly SettingOf[];
  },
  roles: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const everywhere = new Set(ofRoles);
  for (const one of [...settings, ...ofRoles].filter(isPreload)) {
    const { role, setting } = one;
    if (role !== "" && !roles.has(role)) continue;
    const parameter = quoteIdentifier(setting.slice(0, setting.indexOf("=")));
    const reset = `alter database ${quoteIdentifier(database.database)} reset ${parameter}`;
    try {
      // For everybody first: as that role nobody can log in here.
      await sql.query(settingStatement(database.database, "", setting));
      await openWithLibraries(database);
      if (role !== "" && !everywhere.has(one))
        await sql.query(settingStatement(database.database, role, setting));
    } catch (cause) {
      const statement = settingStatement(everywhere.has(one) ? undefined : name, role, setting);
      findings.push(libraryMissing(statement, (cause as Error).message));
      await sql.query(reset);
      if (everywhere.has(one)) await sql.query(`alter role ${quoteIdentifier(role)} reset ${parameter}`);
    }
    if (role !== "") await sql.query(reset);
  }
  return findings;
}

/** Our own sessions may get in without the libraries; nobody else's do. */
async function openWithLibraries(database: Connection): Promise<void> {
  const skips = await withoutFacts(database, async () => {
    await withClient(database, () => Promise.resolve());
    return sessionFacts(database)?.skipsLibraries === true;
  });
  if (skips) throw new Error("the server cannot load one of its libraries");
}

function libraryMissing(statement: string, reason: string): Finding {
  return {
    level: "warning",
    code: "library-left-out",
    fault: "target",
    sentence: `A setting that loads libraries was left out, because no session can be opened with it here: ${reason.replace(/\.$/, "")}.`,
    publicSentence:
      "A setting that loads libraries was left out, because no session can be opened with it here.",
    remedy: `Install the library, then run: ${statement};`,
    publicRemedy: "Install the library, then set it again as in the source.",
  };
}

/** What must not be in force before the restore is proven: a limit of 0 would lock out the check itself. */
export async function finishProperties(
  sql: Sql,
  name: string,
  properties: DatabaseProperties,
): Promise<void> {
  const quoted = quoteIdentifier(name);
  await sql.query(`alter database ${quoted} connection limit ${properties.connectionLimit}`);
  const comment = properties.comment === null ? "null" : quoteLiteral(properties.comment);
  await sql.query(`comment on database ${quoted} is ${comment}`);
}

function createFailed(name: string, cause: unknown): LifeboatError {
  const { code, message } = cause as { code?: string; message: string };
  if (code === "53100")
    return new LifeboatError("disk-too-small", `The server's disk is full: ${message}.`, { cause });
  return new LifeboatError(
    "restore-impossible",
    `The database ${quoteIdentifier(name)} could not be created: ${message}.`,
    {
      hint: "The role needs CREATEDB, and membership in the role that owns the database in the backup. Or pass no-owner: then the restoring role owns everything.",
      cause,
    },
  );
}

function ownerMissing(owner: string): Finding {
  return {
    level: "warning",
    code: "owner-missing",
    sentence: `The backup's owner of the database, ${quoteIdentifier(owner)}, does not exist here; the restoring role owns it.`,
    publicSentence: "The backup's owner of the database does not exist here; the restoring role owns it.",
    remedy: "Create the role and ALTER DATABASE … OWNER TO it.",
  };
}

function localeSubstituted({ collate, localeProvider, locale }: DatabaseProperties): Finding {
  return {
    level: "info",
    code: "locale-substituted",
    sentence: `This machine lacks the backup's locale (${localeProvider} ${locale ?? collate}); C was used instead, so sort order was not checked.`,
    publicSentence:
      "This machine lacks the backup's locale; C was used instead, so sort order was not checked.",
    remedy: "Install the locale where the check runs if sort order matters.",
  };
}

function grantLeftOut(role: string): Finding {
  return {
    level: "warning",
    code: "database-property-not-restored",
    sentence: `Database rights or settings for the role ${quoteIdentifier(role)} were left out: there is no such role here.`,
    publicSentence: "Database rights or settings for a role that does not exist here were left out.",
    remedy: "Create the role, then grant or set them yourself.",
  };
}

function propertyRefused(what: string, reason: unknown): Finding {
  const why = reason instanceof Error ? reason.message : `SQLSTATE ${String(reason)}`;
  return {
    level: "warning",
    code: "database-property-not-restored",
    sentence: `The server refused ${what}: ${why}.`,
    publicSentence: "The server refused one of the database's rights or settings.",
    remedy: "Grant or set it yourself, as a role that may.",
  };
}
