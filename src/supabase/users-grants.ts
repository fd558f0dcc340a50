/**
 * Rights that a user gave on what the platform or an extension made: an archive has them among the platform's own, which
 * are not restored.
 */
import type { TocEntry } from "../postgres/restore-toc.ts";
import type { Sql } from "../postgres/client.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import { attempt } from "./attempt.ts";
import { isPlatformRole } from "./platform-roles.ts";
import type { ProjectTally } from "./project-report.ts";
import { type EntryRunner, plainGrants } from "./run-entries.ts";

export interface UsersGrant {
  readonly statement: string;
  /** With its column in parentheses where it is one's: `SELECT`, `SELECT(email)`. */
  readonly privileges: readonly string[];
  /** `TABLE`, `SCHEMA`, … */
  readonly kind: string;
  readonly object: string;
  readonly grantee: string;
  readonly withOption: boolean;
}

const role = String.raw`"(?:[^"]|"")+"|[^\s";]+`;
const kinds =
  "SCHEMA|TABLE|SEQUENCE|FUNCTION|PROCEDURE|TYPE|FOREIGN DATA WRAPPER|FOREIGN SERVER|LANGUAGE|DATABASE";
const grant = new RegExp(
  `^GRANT (.+?) ON (${kinds}) (.+) TO (${role})( WITH GRANT OPTION)?( GRANTED BY .+)?;$`,
  "s",
);
const session = new RegExp(`^(?:SET SESSION AUTHORIZATION (${role})|(RESET SESSION AUTHORIZATION));$`);

/** To a role of the user's own, or by one: what the platform gives, it gives as the owner. Pure. */
export function usersGrants(definition: string, targetMajor = 17): readonly UsersGrant[] {
  const found: UsersGrant[] = [];
  let isGrantedByUser = false;
  for (const line of definition.split("\n")) {
    const [, grantor, reset] = session.exec(line) ?? [];
    if (reset !== undefined) isGrantedByUser = false;
    if (grantor !== undefined) isGrantedByUser = isUsers(unquote(grantor)) || unquote(grantor) === "postgres";
    const [, privileges = "", kind = "", object = "", to, option] =
      grant.exec(plainGrants(line, targetMajor)) ?? [];
    if (to === undefined) continue;
    const grantee = unquote(to);
    const isPublic = to.toUpperCase() === "PUBLIC";
    if (grantee === "postgres" || !(isGrantedByUser || (!isPublic && isUsers(grantee)))) continue;
    found.push({
      statement: `grant ${privileges} on ${kind} ${object} to ${to}${option === undefined ? "" : " with grant option"}`,
      privileges: privileges === "ALL" ? (everything[kind] ?? []) : privileges.split(/,\s*(?![^(]*\))/),
      kind,
      object,
      grantee: isPublic ? "public" : grantee,
      withOption: option !== undefined,
    });
  }
  return found;
}

/** Of default privileges in a schema of the platform, those of the user's own roles. Pure. */
export function usersDefaultGrants(definition: string): string {
  const given = new RegExp(
    `^ALTER DEFAULT PRIVILEGES .* GRANT .* TO (${role})(?: WITH GRANT OPTION)?;$`,
    "s",
  );
  return definition
    .split("\n")
    .filter((line) => {
      const grantee = given.exec(line)?.[1];
      return grantee !== undefined && grantee.toUpperCase() !== "PUBLIC" && isUsers(unquote(grantee));
    })
    .join("\n");
}

/** In a project that is cleared: the backup's are given again afterwards. */
export async function takeUsersGrants(sql: Sql): Promise<void> {
  const { rows } = await sql.query<
    Record<"what" | "object" | "grantee" | "owner" | "grantor" | "me", string>
  >(
    `with held (what, object, owner, acl) as (
       select case c.relkind when 'S' then 'sequence ' else 'table ' end, ${relation}, c.relowner, c.relacl
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       union all select pg_catalog.format('(%I) on table ', a.attname), ${relation}, c.relowner, a.attacl
         from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       union all select 'schema ', pg_catalog.quote_ident(nspname), nspowner, nspacl from pg_catalog.pg_namespace
       union all select 'routine ', oid::pg_catalog.regprocedure::text, proowner, proacl from pg_catalog.pg_proc
       union all select 'type ', oid::pg_catalog.regtype::text, typowner, typacl from pg_catalog.pg_type
       union all select 'foreign data wrapper ', pg_catalog.quote_ident(fdwname), fdwowner, fdwacl
         from pg_catalog.pg_foreign_data_wrapper
       union all select 'database ', pg_catalog.quote_ident(datname), datdba, datacl from pg_catalog.pg_database
        where datname = pg_catalog.current_database())
     select distinct what, object, pg_catalog.pg_get_userbyid(owner) as owner, current_user as me,
            case a.grantee when 0 then '' else pg_catalog.pg_get_userbyid(a.grantee) end as grantee,
            pg_catalog.pg_get_userbyid(a.grantor) as grantor
       from held, pg_catalog.aclexplode(acl) a where acl is not null`,
  );
  for (const { what, object, grantee, owner, grantor, me } of rows) {
    if (grantor !== me || grantee === me || (grantee !== "" && !isUsers(grantee) && owner === me)) continue;
    if (grantee === "" && owner === me) continue;
    const on = what.startsWith("(") ? `${what}${object}` : `on ${what}${object}`;
    await sql.query(`revoke all ${on} from ${grantee === "" ? "public" : quoteIdentifier(grantee)} cascade`);
  }
}

const relation = "pg_catalog.format('%I.%I', n.nspname, c.relname)";

function isUsers(name: string): boolean {
  return !isPlatformRole(name);
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

const everything: Readonly<Record<string, readonly string[]>> = {
  SCHEMA: ["USAGE", "CREATE"],
  TABLE: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
  SEQUENCE: ["USAGE", "SELECT", "UPDATE"],
  FUNCTION: ["EXECUTE"],
  PROCEDURE: ["EXECUTE"],
  TYPE: ["USAGE"],
  "FOREIGN DATA WRAPPER": ["USAGE"],
  "FOREIGN SERVER": ["USAGE"],
  LANGUAGE: ["USAGE"],
  DATABASE: ["CREATE", "CONNECT", "TEMPORARY"],
};

/** GRANT of what this role may not pass on is only a warning: whether it arrived is asked afterwards. */
export async function giveUsersGrants(
  { sql, runElevated, targetMajor }: EntryRunner,
  { schema, tag, definition, kind }: TocEntry,
  tally: ProjectTally,
): Promise<void> {
  const lacking: string[] = [];
  let server: string | undefined;
  for (const wanted of usersGrants(definition, targetMajor)) {
    let missing = wanted.privileges;
    for (const run of [() => sql.query(wanted.statement), () => runElevated(sql, wanted.statement)]) {
      const refused = await attempt(sql, run, lacksObject);
      server ??= refused;
      missing = refused === undefined ? await missingRights(sql, wanted) : wanted.privileges;
      if (missing.length === 0) break;
    }
    if (missing.length > 0) lacking.push(`${missing.join(", ")} for ${wanted.grantee}`);
  }
  if (lacking.length === 0) tally.add(kind, "restored");
  else {
    tally.add(kind, "person", {
      name: `${schema}${schema === "" ? "" : "."}${tag} (${lacking.join("; ")})`,
      reason: "the target does not let this role give these rights",
      ...(server === undefined ? {} : { server }),
    });
  }
}

/** No such table, function or schema. */
const lacksObject = ["42P01", "42883", "3F000"];

async function missingRights(sql: Sql, wanted: UsersGrant): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const privilege of wanted.privileges) {
    const [, word = "", column] = /^([A-Z ]+?)\s*(?:\((.*)\))?$/s.exec(privilege) ?? [];
    const asked = `${word}${wanted.withOption ? " WITH GRANT OPTION" : ""}`;
    const { rows } = await sql.query<{ has: string }>(...hasRight(wanted, asked, column));
    if (rows[0]?.has !== "t") missing.push(privilege);
  }
  return missing;
}

function hasRight(
  { kind, object, grantee }: UsersGrant,
  privilege: string,
  column: string | undefined,
): [string, string[]] {
  const named = [grantee, object, privilege];
  if (column !== undefined) {
    return ["select pg_catalog.has_column_privilege($1, $2, $4, $3) as has", [...named, unquote(column)]];
  }
  switch (kind) {
    case "FUNCTION":
    case "PROCEDURE":
      return [
        `select pg_catalog.has_function_privilege($1, p.oid, $3) as has from pg_catalog.pg_proc p
           join pg_catalog.pg_namespace n on n.oid = p.pronamespace
          where pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) = $2`,
        named,
      ];
    case "TABLE":
    case "SEQUENCE":
    case "TYPE":
      return [`select pg_catalog.has_${kind.toLowerCase()}_privilege($1, $2, $3) as has`, named];
    default: {
      const word = kind === "FOREIGN SERVER" ? "server" : kind.toLowerCase().replaceAll(" ", "_");
      return [
        `select pg_catalog.has_${word}_privilege($1, $2, $3) as has`,
        [grantee, unquote(object), privilege],
      ];
    }
  }
}
