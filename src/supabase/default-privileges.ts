/**
 * ALTER DEFAULT PRIVILEGES of the restoring role: silenced while objects are made, because an archive's rights are
 * relative to PostgreSQL's own defaults and never take back what a project's defaults would grant.
 */
import type { Sql } from "../postgres/client.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import { isManagedSchema } from "./managed.ts";
import { isPlatformRole } from "./platform-roles.ts";

interface DefaultAcl {
  readonly schema: string | null;
  readonly objectType: string;
  /** Role names; "" is PUBLIC. */
  readonly grantees: readonly string[];
}

const objects: Readonly<Record<string, string>> = {
  r: "tables",
  S: "sequences",
  f: "functions",
  T: "types",
  n: "schemas",
};
/** What everybody has of new objects without any entry. */
const everybodys: Readonly<Record<string, string>> = { f: "execute", T: "usage" };

/** In schemas where a restore makes objects, and for all schemas at once; in the platform's, its own stay. */
export async function silenceDefaultPrivileges(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ me: string; schema: string | null; type: string; grantees: string }>(
    `select current_user as me, n.nspname as schema, d.defaclobjtype as type,
            coalesce((select pg_catalog.json_agg(distinct coalesce(r.rolname, ''))
               from pg_catalog.aclexplode(d.defaclacl) a left join pg_catalog.pg_roles r on r.oid = a.grantee), '[]') as grantees
       from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
      where d.defaclrole = current_user::regrole`,
  );
  for (const { me, schema, type, grantees } of rows) {
    const all = JSON.parse(grantees) as string[];
    const isPlatforms = schema !== null && isManagedSchema(schema);
    const taken = isPlatforms ? all.filter((name) => name !== "" && !isPlatformRole(name)) : all;
    const entry = { schema, objectType: type, grantees: taken };
    for (const statement of silencing(entry, me)) await sql.query(statement);
  }
}

/** Statements after which new objects get what PostgreSQL itself gives them. */
export function silencing({ schema, objectType, grantees }: DefaultAcl, me: string): readonly string[] {
  const what = objects[objectType];
  if (what === undefined) return [];
  const head = `alter default privileges${schema === null ? "" : ` in schema ${quoteIdentifier(schema)}`}`;
  const revokes = grantees.map(
    (grantee) => `${head} revoke all on ${what} from ${grantee === "" ? "public" : quoteIdentifier(grantee)}`,
  );
  if (schema !== null) return revokes;
  const everybody = everybodys[objectType];
  return [
    ...revokes,
    `${head} grant all on ${what} to ${quoteIdentifier(me)}`,
    ...(everybody === undefined ? [] : [`${head} grant ${everybody} on ${what} to public`]),
  ];
}
