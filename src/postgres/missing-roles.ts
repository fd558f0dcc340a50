/**
 * Roles that a snapshot speaks of and the target lacks. Our own CREATE ROLE is built from parsed words: globals.sql
 * is never run, because what stands in it is SQL and psql commands of whoever could write roles at the source.
 * An existing role is never altered; what it has otherwise is a finding.
 */
import type { Finding } from "../verification/findings.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier, quoteLiteral } from "./identifiers.ts";
import type { GlobalRole, GlobalRoles } from "./restore-globals.ts";

/**
 * `without-login`: enough for ownership, policies and grants to be restored; nobody can log in as them.
 * `as-backed-up`: with attributes, password verifiers and memberships of globals.sql, as far as they are plain words.
 */
export type RoleChoice = "without-login" | "as-backed-up";

export interface BackedUpRole {
  readonly name: string;
  /** Words of CREATE ROLE. */
  readonly attributes: string;
}

export interface RolesPlan {
  readonly choice: RoleChoice;
  /** Sorted by name. */
  readonly missing: readonly BackedUpRole[];
  readonly findings: readonly Finding[];
}

/** Attributes as words; anything else (a connection limit, an expiry) comes from globals.sql alone. */
const attributeWords = [
  "SUPERUSER",
  "CREATEDB",
  "CREATEROLE",
  "INHERIT",
  "LOGIN",
  "REPLICATION",
  "BYPASSRLS",
] as const;

export type TargetRoles = ReadonlyMap<string, ReadonlySet<string>>;

/** Every role of the server with the attributes it has. */
export async function readTargetRoles(sql: Sql): Promise<TargetRoles> {
  const { rows } = await sql.query<Record<string, string>>(
    `select rolname, rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolcanlogin, rolreplication, rolbypassrls
       from pg_catalog.pg_roles`,
  );
  const columns = ["super", "createdb", "createrole", "inherit", "canlogin", "replication", "bypassrls"];
  return new Map(
    rows.map((row) => [
      row["rolname"] ?? "",
      new Set(attributeWords.filter((_, index) => row[`rol${columns[index] ?? ""}`] === "t")),
    ]),
  );
}

export function planRoles(
  backedUp: readonly BackedUpRole[],
  target: TargetRoles,
  choice: RoleChoice,
): RolesPlan {
  // Names that begin with pg_ belong to the server; it refuses to create them.
  const ours = backedUp.filter((role) => !role.name.startsWith("pg_"));
  const missing = ours.filter((role) => !target.has(role.name));
  const different = ours.filter((role) => {
    const existing = target.get(role.name);
    const backup = wordsOf(role.attributes);
    return existing !== undefined && [...backup].some(([word, on]) => existing.has(word) !== on);
  });
  return {
    choice,
    missing: missing.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    findings: different.map((role) => ({
      level: "info",
      code: "role-differs",
      sentence: `The role ${quoteIdentifier(role.name)} exists here with other attributes than in the backup (${role.attributes}).`,
      publicSentence: "A role exists here with other attributes than in the backup.",
      remedy:
        "Existing roles are never altered; use ALTER ROLE yourself if the backup's attributes are right.",
    })),
  };
}

/** Creates what is missing, and returns the names that this call created and what was left out. */
export async function createMissingRoles(
  sql: Sql,
  plan: RolesPlan,
  globals?: GlobalRoles,
): Promise<{ readonly created: readonly string[]; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [...plan.findings];
  const created: string[] = [];
  for (const role of plan.missing) {
    const statement = createRole(
      role,
      plan.choice === "as-backed-up" ? globals?.roles.get(role.name) : undefined,
    );
    if (await sql.query(statement).then(() => true, existsAlready)) created.push(role.name);
    if (plan.choice === "without-login") findings.push(withoutLogin(role));
  }
  if (plan.choice === "as-backed-up") {
    for (const { role, member, adminOption } of globals?.memberships ?? []) {
      if (!created.includes(role) && !created.includes(member)) continue;
      const option = adminOption ? " with admin option" : "";
      try {
        await sql.query(`grant ${quoteIdentifier(role)} to ${quoteIdentifier(member)}${option}`);
      } catch (error) {
        findings.push(membershipLeftOut(role, member, error));
      }
    }
  }
  return { created, findings };
}

/** Another restore, or a person, was quicker: then it is an existing role, and stays as it is. */
function existsAlready(error: unknown): false {
  if ((error as { code?: string }).code === "42710") return false;
  throw error;
}

export function createRole(role: BackedUpRole, global?: GlobalRole): string {
  const name = quoteIdentifier(role.name);
  if (global === undefined) {
    const inherit = wordsOf(role.attributes).get("INHERIT") === false ? "noinherit" : "inherit";
    return `create role ${name} nologin ${inherit}`;
  }
  const words = attributeWords
    .filter((word) => global.attributes.has(word))
    .map((word) => `${global.attributes.get(word) === true ? "" : "no"}${word.toLowerCase()}`);
  const limit = global.connectionLimit === undefined ? [] : [`connection limit ${global.connectionLimit}`];
  const verifier = global.verifier === undefined ? [] : [`password ${quoteLiteral(global.verifier)}`];
  const until = global.validUntil === undefined ? [] : [`valid until ${quoteLiteral(global.validUntil)}`];
  return ["create role", name, ...words, ...limit, ...verifier, ...until].join(" ");
}

function wordsOf(attributes: string): Map<string, boolean> {
  const words = new Map<string, boolean>();
  for (const word of attributes.toUpperCase().split(/[^A-Z]+/)) {
    const on = attributeWords.find((known) => word === known);
    const off = attributeWords.find((known) => word === `NO${known}`);
    if (on !== undefined) words.set(on, true);
    if (off !== undefined) words.set(off, false);
  }
  return words;
}

function withoutLogin(role: BackedUpRole): Finding {
  return {
    level: "warning",
    code: "role-created-without-login",
    sentence: `The role ${quoteIdentifier(role.name)} was missing and was created without login, password and privileges (in the backup: ${role.attributes}).`,
    publicSentence: "A missing role was created without login, password and privileges.",
    remedy: "Give it what it needs with ALTER ROLE, or restore with roles as backed up.",
  };
}

function membershipLeftOut(role: string, member: string, error: unknown): Finding {
  return {
    level: "warning",
    code: "membership-not-restored",
    sentence: `${quoteIdentifier(member)} was not made a member of ${quoteIdentifier(role)}: ${(error as Error).message}.`,
    publicSentence: "A role's membership could not be restored.",
    remedy: "GRANT it yourself as a role that may.",
  };
}
