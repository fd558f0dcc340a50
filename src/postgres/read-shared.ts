/** Memberships, settings, comments, labels and rights that belong to the server and not to one of its databases. */
import type { SharedContents } from "../snapshot/shared-contents.ts";
import type { Sql } from "./client.ts";

/** Every catalog here may be read by every role. */
export async function readShared(sql: Sql, serverMajor: number): Promise<SharedContents> {
  const first = await sql.query<{ name: string }>("select pg_catalog.pg_get_userbyid(10) as name");
  const settings = await sql.query<{ role: string; setting: string }>(
    `select coalesce(r.rolname, '') as role, c.setting
       from pg_catalog.pg_db_role_setting s left join pg_catalog.pg_roles r on r.oid = s.setrole
       cross join pg_catalog.unnest(s.setconfig) with ordinality c(setting, n)
      where s.setdatabase = 0 and (s.setrole = 0 or r.rolname is not null) order by 1, c.n`,
  );
  const comments = await sql.query<{ role: string; comment: string }>(
    `select r.rolname as role, d.description as comment
       from pg_catalog.pg_roles r cross join lateral pg_catalog.shobj_description(r.oid, 'pg_authid') d(description)
      where d.description is not null and r.rolname !~ '^pg_' order by 1`,
  );
  const until = await sql.query<{ role: string; until: string }>(
    `select rolname as role, rolvaliduntil::text as until from pg_catalog.pg_roles
      where rolvaliduntil is not null and rolname !~ '^pg_' order by 1`,
  );
  const tablespaces = await sql.query<{ name: string; owner: string; acl: string | null }>(
    `select spcname as name, pg_catalog.pg_get_userbyid(spcowner) as owner, spcacl::text as acl
       from pg_catalog.pg_tablespace where spcname !~ '^pg_' or spcacl is not null order by 1`,
  );
  return {
    firstRole: first.rows[0]?.name ?? "",
    memberships: await readMemberships(sql, serverMajor),
    roleSettings: settings.rows,
    roleComments: comments.rows,
    validUntil: until.rows,
    securityLabels: await readLabels(sql),
    parameterGrants: await readParameterGrants(sql, serverMajor),
    tablespaces: tablespaces.rows,
  };
}

async function readMemberships(sql: Sql, serverMajor: number): Promise<SharedContents["memberships"]> {
  const options = serverMajor >= 16 ? "a.inherit_option, a.set_option" : "null, null";
  const { rows } = await sql.query<Record<string, string | null>>(
    `select m.* from (
       select r.rolname, m.rolname, g.rolname, a.admin_option, ${options}
         from pg_catalog.pg_auth_members a join pg_catalog.pg_roles r on r.oid = a.roleid
         join pg_catalog.pg_roles m on m.oid = a.member left join pg_catalog.pg_roles g on g.oid = a.grantor
        where not (r.rolname ~ '^pg_' and m.rolname ~ '^pg_')) m (role, member, grantor, admin, inherit, set)
      order by role collate "C", member collate "C", grantor collate "C"`,
  );
  const flag = (value: string | null | undefined): boolean | null => (value == null ? null : value === "t");
  return rows.map((row) => ({
    role: row["role"] ?? "",
    member: row["member"] ?? "",
    grantor: row["grantor"] ?? null,
    admin: row["admin"] === "t",
    inherit: flag(row["inherit"]),
    set: flag(row["set"]),
  }));
}

async function readLabels(sql: Sql): Promise<SharedContents["securityLabels"]> {
  const { rows } = await sql.query<{ object: string; provider: string; label: string }>(
    `select l.object, l.provider, l.label from (
       select 'ROLE ' || pg_catalog.quote_ident(r.rolname), s.provider, s.label from pg_catalog.pg_shseclabel s
         join pg_catalog.pg_roles r on r.oid = s.objoid where s.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass
       union all
       select 'DATABASE ' || pg_catalog.quote_ident(d.datname), s.provider, s.label from pg_catalog.pg_shseclabel s
         join pg_catalog.pg_database d on d.oid = s.objoid
        where s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass and d.datname = pg_catalog.current_database()
       union all
       select 'TABLESPACE ' || pg_catalog.quote_ident(t.spcname), s.provider, s.label from pg_catalog.pg_shseclabel s
         join pg_catalog.pg_tablespace t on t.oid = s.objoid
        where s.classoid = 'pg_catalog.pg_tablespace'::pg_catalog.regclass) l (object, provider, label)
      order by 1, 2`,
  );
  return rows;
}

/** `GRANT … ON PARAMETER` came with PostgreSQL 15. */
async function readParameterGrants(
  sql: Sql,
  serverMajor: number,
): Promise<SharedContents["parameterGrants"]> {
  if (serverMajor < 15) return [];
  const { rows } = await sql.query<Record<string, string>>(
    `select p.parname as parameter, coalesce(r.rolname, '') as grantee, a.privilege_type as privilege,
            a.is_grantable as grantable
       from pg_catalog.pg_parameter_acl p cross join lateral pg_catalog.aclexplode(p.paracl) a
       left join pg_catalog.pg_roles r on r.oid = a.grantee
      where a.grantee <> 10 and (a.grantee = 0 or r.rolname is not null) order by 1, 2, 3`,
  );
  return rows.map((row) => ({
    parameter: row["parameter"] ?? "",
    grantee: row["grantee"] ?? "",
    privilege: row["privilege"] ?? "",
    grantable: row["grantable"] === "t",
  }));
}
