/** Roles of a user's own, their memberships and settings: what the backup has and the project lacks. */
import type { Sql } from "../postgres/client.ts";
import { quoteIdentifier, quoteLiteral } from "../postgres/identifiers.ts";
import { readTargetRoles } from "../postgres/missing-roles.ts";
import { differenceOf } from "../postgres/role-differences.ts";
import type { GlobalRole, GlobalRoles } from "../postgres/restore-globals.ts";
import { settingStatement } from "../postgres/restore-properties.ts";
import type { DatabaseContents } from "../snapshot/contents.ts";
import { attempt } from "./attempt.ts";
import type { RunElevated } from "./elevated.ts";
import { mayBeSetForPlatformRole } from "./managed.ts";
import { isPlatformRole } from "./platform-roles.ts";
import type { Finding } from "../verification/findings.ts";
import type { ProjectTally } from "./project-report.ts";

export interface RoleSource {
  readonly backup: DatabaseContents;
  readonly globals: GlobalRoles;
  /** SCRAM verifiers by role, where they are sealed in the backup. */
  readonly verifiers: ReadonlyMap<string, string>;
}

export interface RoleRunner {
  readonly sql: Sql;
  readonly runElevated: RunElevated;
}

/** Names of the roles that were created. Existing ones keep their attributes, and differences are told. */
export async function restoreRoles(
  { sql, runElevated }: RoleRunner,
  { backup, globals, verifiers }: RoleSource,
  tally: ProjectTally,
): Promise<{ readonly created: readonly string[]; readonly findings: readonly Finding[] }> {
  const here = await readTargetRoles(sql);
  const created: string[] = [];
  const findings: Finding[] = [];
  for (const { name, attributes } of backup.roles) {
    if (isPlatformRole(name)) {
      tally.add("roles", "kept", { name, reason: "the platform makes and keeps its own" });
      continue;
    }
    if (here.has(name)) {
      tally.add("roles", "kept", { name, reason: "exists; its attributes were not changed" });
      findings.push(...differenceOf({ name, attributes }, here.get(name)));
      continue;
    }
    const verifier = verifiers.get(name);
    const global = globals.roles.get(name) ?? { attributes: new Map<string, boolean>() };
    const weaker = await createRole({ sql, runElevated }, name, global, verifier);
    created.push(name);
    const canLogin = global.attributes.get("LOGIN") === true;
    if (weaker !== undefined) {
      tally.add("roles", "person", { name, reason: "created with fewer attributes", server: weaker });
    } else if (canLogin && verifier === undefined) {
      tally.add("roles", "person", { name, reason: "created without a password: the backup has none" });
    } else tally.add("roles", "restored");
  }
  return { created, findings };
}

/** What stock PostgreSQL leaves to a superuser; supautils gives all but the first. */
const strongWords = ["SUPERUSER", "REPLICATION", "BYPASSRLS"];

async function createRole(
  { sql, runElevated }: RoleRunner,
  name: string,
  { attributes, connectionLimit, validUntil }: GlobalRole,
  verifier: string | undefined,
): Promise<string | undefined> {
  const on = [...attributes].filter(([, given]) => given).map(([word]) => word);
  const options = [
    ...(attributes.get("INHERIT") === false ? ["NOINHERIT"] : []),
    ...(connectionLimit === undefined ? [] : [`CONNECTION LIMIT ${connectionLimit}`]),
    ...(verifier === undefined ? [] : [`PASSWORD ${quoteLiteral(verifier)}`]),
    ...(validUntil === undefined ? [] : [`VALID UNTIL ${quoteLiteral(validUntil)}`]),
  ];
  const statement = (words: readonly string[]): string =>
    ["create role", quoteIdentifier(name), ...words, ...options].join(" ");
  if (!on.some((word) => strongWords.includes(word))) {
    await sql.query(statement(on));
    return undefined;
  }
  const refusal = await attempt(sql, () =>
    runElevated(sql, statement(on.filter((word) => word !== "SUPERUSER"))),
  );
  if (refusal === undefined) return on.includes("SUPERUSER") ? "nobody may be a superuser here" : undefined;
  await sql.query(statement(on.filter((word) => !strongWords.includes(word))));
  return refusal;
}

/** Settings of roles and of the database; a value may be a secret, so only the setting's name is ever told. */
export async function restoreSettings(
  sql: Sql,
  database: string,
  backup: DatabaseContents,
  created: ReadonlySet<string>,
  tally: ProjectTally,
): Promise<readonly Finding[]> {
  const { rows } = await sql.query<{ role: string; setting: string; own: string }>(
    `select coalesce(r.rolname, '') as role, c.setting, s.setdatabase <> 0 as own
       from pg_catalog.pg_db_role_setting s cross join unnest(s.setconfig) c(setting)
       left join pg_catalog.pg_roles r on r.oid = s.setrole left join pg_catalog.pg_database d on d.oid = s.setdatabase
      where s.setdatabase = 0 or d.datname = pg_catalog.current_database()`,
  );
  const roles = new Set((await readTargetRoles(sql)).keys());
  const wanted = [
    ...(backup.supabase?.roleSettings ?? []).map((setting) => ({ ...setting, own: false })),
    ...backup.properties.settings.map((setting) => ({ ...setting, own: true })),
  ];
  for (const { role, setting, own } of wanted) {
    const kind = own ? "database settings" : "role settings";
    const name = `${nameOf(setting)}${role === "" ? "" : ` of ${role}`}`;
    const same = rows.some(
      (row) => row.role === role && row.setting === setting && (row.own === "t") === own,
    );
    if (same) tally.add(kind, "kept", { name, reason: "set already" });
    else if (role !== "" && isPlatformRole(role) && !own && !mayBeSetForPlatformRole(role, setting)) {
      tally.add(kind, "kept", { name, reason: "the platform sets it for its own role" });
    } else if (role !== "" && !isPlatformRole(role) && !own && roles.has(role) && !created.has(role)) {
      tally.add(kind, "person", { name, reason: "the role exists, and roles that exist are never altered" });
    } else if (role !== "" && !roles.has(role)) {
      tally.add(kind, "person", { name, reason: "the role does not exist here" });
    } else {
      const statement = settingStatement(own ? database : undefined, role, setting);
      const refused = await attempt(sql, () => sql.query(statement));
      if (refused === undefined) tally.add(kind, "restored");
      else tally.add(kind, "person", { name, reason: "the target does not let this role set it" });
    }
  }
  const given = new Set(wanted.map(({ role, setting, own }) => `${nameOf(setting)} ${role} ${own}`));
  return rows
    .filter(({ role, setting, own }) => !given.has(`${nameOf(setting)} ${role} ${own === "t"}`))
    .filter(({ role, own }) => own === "t" || !isPlatformRole(role) || mayBeSetForPlatformRole(role, ""))
    .map(({ role, setting }) => settingUnexpected(`${nameOf(setting)}${role === "" ? "" : ` of ${role}`}`));
}

function nameOf(setting: string): string {
  return setting.slice(0, setting.indexOf("="));
}

function settingUnexpected(name: string): Finding {
  return {
    level: "info",
    code: "setting-unexpected",
    sentence: `The setting ${name} is not in the backup.`,
    publicSentence: "A setting is there that is not in the backup.",
    remedy: "ALTER ROLE (or DATABASE) … RESET takes it away, if nobody needs it.",
  };
}
