/**
 * Roles that a snapshot speaks of and the target lacks. Our own CREATE ROLE is built from parsed words: globals.sql
 * is never run, because what stands in it is SQL and psql commands of whoever could write roles at the source.
 * An existing role is never altered; what it has otherwise is a finding.
 */
import type { Finding } from "../verification/findings.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier, quoteLiteral } from "./identifiers.ts";
import type { GlobalRole, GlobalRoles } from "./restore-globals.ts";
import { type BackedUpRoles, readServerRoles, restoreShared, type ServerRoles } from "./restore-shared.ts";
import { differenceOf, type ExistingRole } from "./role-differences.ts";
import { roleFinding } from "./role-findings.ts";
import { attributesOf, attributeWords, connectionLimitOf } from "./role-words.ts";
import { tried } from "./tried.ts";

/**
 * `without-login`: enough for ownership, policies and grants to be restored; nobody can log in as them, and none has
 * an attribute that gives power. `as-backed-up`: with attributes and password verifiers of globals.sql, as far as they
 * are plain words. Memberships, settings and comments come back either way.
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
  /** What exists is otherwise than in the backup. */
  readonly findings: readonly Finding[];
}

export type TargetRoles = ReadonlyMap<string, ExistingRole>;

/** Every role of the server with the attributes it has. */
export async function readTargetRoles(sql: Sql): Promise<TargetRoles> {
  const { rows } = await sql.query<Record<string, string>>(
    `select rolname, rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolcanlogin, rolreplication, rolbypassrls,
            rolconnlimit, oid = 10 as first
       from pg_catalog.pg_roles`,
  );
  const columns = ["super", "createdb", "createrole", "inherit", "canlogin", "replication", "bypassrls"];
  return new Map(
    rows.map((row) => [
      row["rolname"] ?? "",
      {
        attributes: new Set(attributeWords.filter((_, index) => row[`rol${columns[index] ?? ""}`] === "t")),
        connectionLimit: Number(row["rolconnlimit"]),
        isFirst: row["first"] === "t",
      },
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
  const findings = ours.flatMap((role) => differenceOf(role, target.get(role.name)));
  return { choice, missing: missing.toSorted((a, b) => (a.name < b.name ? -1 : 1)), findings };
}

export interface RolesRestore {
  readonly choice: RoleChoice;
  readonly backup: BackedUpRoles;
  /** Attributes and verifiers, where roles come back as backed up. */
  readonly globals: GlobalRoles | undefined;
}

/**
 * Creates what is missing, with everything that belongs to it, in one transaction: a kill leaves all of it or nothing.
 * Returns the names that this call created, and what was left out or is otherwise than in the backup.
 */
export async function createMissingRoles(
  sql: Sql,
  { choice, backup, globals }: RolesRestore,
): Promise<{ readonly created: readonly string[]; readonly findings: readonly Finding[] }> {
  const target = await readServerRoles(sql);
  const plan = planRoles(backup.roles, await readTargetRoles(sql), choice);
  const findings: Finding[] = [...plan.findings, ...expiryFindings(backup, target)];
  const created = new Set<string>();
  await sql.query("begin read write");
  try {
    for (const role of plan.missing) {
      const global = choice === "as-backed-up" ? globals?.roles.get(role.name) : undefined;
      const until = backup.shared?.validUntil.find((one) => one.role === role.name)?.until;
      const made =
        global === undefined ? await createPlain(sql, role, until) : await createStrong(sql, role, global);
      if (made === undefined) continue;
      created.add(role.name);
      findings.push(...made);
    }
    findings.push(...(await restoreShared(sql, { backup, target, created })));
    await sql.query("commit");
  } catch (error) {
    await sql.query("rollback").catch(() => {});
    throw error;
  }
  return { created: [...created], findings };
}

/** Another restore, or a person, was quicker: then it is an existing role, and stays as it is (undefined). */
async function createPlain(
  sql: Sql,
  role: BackedUpRole,
  until: string | undefined,
): Promise<readonly Finding[] | undefined> {
  const refusal = await tried(sql, createRole(role, undefined, until));
  if (refusal?.code === "42710") return undefined;
  if (refusal !== undefined) throw Object.assign(new Error(refusal.message), { code: refusal.code });
  return [withoutLogin(role)];
}

/** What a server may refuse to a restoring role that is no superuser, the strongest first. */
const strongest = [
  [],
  ["SUPERUSER"],
  ["SUPERUSER", "REPLICATION", "BYPASSRLS"],
  [...attributeWords],
] as const;

async function createStrong(
  sql: Sql,
  role: BackedUpRole,
  global: GlobalRole,
): Promise<readonly Finding[] | undefined> {
  const name = quoteIdentifier(role.name);
  for (const left of strongest) {
    const given = new Map(
      [...global.attributes].map(([word, on]) => [word, on && !isIn(left, word)] as const),
    );
    const refusal = await tried(sql, createRole(role, { ...global, attributes: given }));
    if (refusal?.code === "42710") return undefined;
    if (refusal !== undefined && refusal.code !== "42501") {
      throw Object.assign(new Error(refusal.message), { code: refusal.code });
    }
    if (refusal !== undefined) continue;
    const lost = [...global.attributes].flatMap(([word, on]) => (on && isIn(left, word) ? [word] : []));
    return [
      ...(given.get("SUPERUSER") === true
        ? [
            roleFinding(
              "superuser-restored",
              `The role ${name} was created as a superuser, as in the backup.`,
            ),
          ]
        : []),
      ...(lost.length === 0
        ? []
        : [
            roleFinding(
              "role-attributes-not-restored",
              `The role ${name} was created without ${lost.join(", ")}: the restoring role may not give it.`,
              `ALTER ROLE ${name} ${lost.join(" ")}`,
            ),
          ]),
    ];
  }
  return await createPlain(sql, role, undefined);
}

function isIn(words: readonly string[], word: string): boolean {
  return words.includes(word) && word !== "INHERIT" && word !== "LOGIN";
}

/** `until` is of a role without login; with it, globals.sql has it. */
export function createRole(role: BackedUpRole, global?: GlobalRole, until?: string): string {
  const name = quoteIdentifier(role.name);
  if (global === undefined) {
    const inherit = attributesOf(role.attributes).has("INHERIT") ? "inherit" : "noinherit";
    const most = connectionLimitOf(role.attributes);
    const limit = most < 0 ? "" : ` connection limit ${most}`;
    return `create role ${name} nologin ${inherit}${limit}${until === undefined ? "" : ` valid until ${quoteLiteral(until)}`}`;
  }
  const words = attributeWords
    .filter((word) => global.attributes.has(word))
    .map((word) => `${global.attributes.get(word) === true ? "" : "no"}${word.toLowerCase()}`);
  const limit = global.connectionLimit === undefined ? [] : [`connection limit ${global.connectionLimit}`];
  const verifier = global.verifier === undefined ? [] : [`password ${quoteLiteral(global.verifier)}`];
  const validUntil =
    global.validUntil === undefined ? [] : [`valid until ${quoteLiteral(global.validUntil)}`];
  return ["create role", name, ...words, ...limit, ...verifier, ...validUntil].join(" ");
}

/** Of roles that exist. */
function expiryFindings({ roles, shared }: BackedUpRoles, target: ServerRoles): readonly Finding[] {
  if (shared === undefined) return [];
  const untilOf = (of: { validUntil: readonly { role: string; until: string }[] }, name: string): string =>
    of.validUntil.find(({ role }) => role === name)?.until ?? "infinity";
  const here = new Set(target.roles.map(({ name }) => name));
  return roles
    .filter(({ name }) => here.has(name))
    .flatMap(({ name }) => {
      const [before, now] = [untilOf(shared, name), untilOf(target.shared, name)];
      if (before === now) return [];
      return [
        roleFinding(
          "role-differs",
          `The role ${quoteIdentifier(name)} expires otherwise here (${now}) than in the backup (${before}).`,
          `ALTER ROLE ${quoteIdentifier(name)} VALID UNTIL ${quoteLiteral(before)}`,
        ),
      ];
    });
}

function withoutLogin(role: BackedUpRole): Finding {
  const name = quoteIdentifier(role.name);
  const lost = [...attributesOf(role.attributes)].filter((word) => word !== "INHERIT");
  return roleFinding(
    "role-created-without-login",
    `The role ${name} was missing and was created without login, password and attributes (in the backup: ${role.attributes}).`,
    lost.length === 0 ? undefined : `ALTER ROLE ${name} ${lost.join(" ")}`,
  );
}
