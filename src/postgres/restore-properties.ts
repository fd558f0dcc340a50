/** Rights and settings of a database as statements, from the text forms of PostgreSQL's catalogs. */
import { LifeboatError } from "../errors.ts";
import type { DatabaseProperties } from "../snapshot/contents.ts";
import { quoteIdentifier, quoteLiteral } from "./identifiers.ts";

export interface AclItem {
  /** "" is PUBLIC. */
  readonly grantee: string;
  readonly grantor: string;
  readonly privileges: readonly { readonly name: string; readonly grantOption: boolean }[];
}

const databasePrivileges: Readonly<Record<string, string>> = { C: "create", c: "connect", T: "temporary" };

/** Reads `datacl`'s text, items like `app=Tc/owner` in array braces. */
export function parseDatabaseAcl(acl: string): readonly AclItem[] {
  return parseTextArray(acl).map((item) => {
    const match = /^("(?:[^"]|"")*"|[^="]*)=([CcT*]*)\/("(?:[^"]|"")*"|[^"]+)$/s.exec(item);
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) throw unreadable();
    const [grantee, grantor] = [unquoted(match[1]), unquoted(match[3])];
    const privileges = [...match[2].matchAll(/([CcT])(\*?)/g)].map(([, letter, star]) => ({
      name: databasePrivileges[letter ?? ""] ?? "",
      grantOption: star === "*",
    }));
    return { grantee, grantor, privileges };
  });
}

function unquoted(role: string): string {
  return role.startsWith('"') ? role.slice(1, -1).replaceAll('""', '"') : role;
}

/**
 * Statements that give the database exactly the rights of `properties`, each in its grantor's name; grants to unknown
 * roles, and by them, are left out. Several statements of one text run together or not at all.
 */
export function aclStatements(
  name: string,
  { acl, owner }: DatabaseProperties,
  roles: ReadonlySet<string>,
): { readonly statements: string[]; readonly unknownRoles: readonly string[] } {
  if (acl === null) return { statements: [], unknownRoles: [] };
  const database = quoteIdentifier(name);
  const items = parseDatabaseAcl(acl);
  const statements = [`revoke all on database ${database} from public`];
  // An owner who gave up a right of his own; a database is made with all of them.
  const kept = items.find((item) => item.grantee === owner && item.grantor === owner)?.privileges ?? [];
  const given = Object.values(databasePrivileges).filter((word) => !kept.some((one) => one.name === word));
  if (given.length > 0 && roles.has(owner)) {
    statements.push(`revoke ${given.join(", ")} on database ${database} from ${quoteIdentifier(owner)}`);
  }
  const unknownRoles: string[] = [];
  for (const { grantee, grantor, privileges } of items) {
    const unknown = [grantee, grantor].find((role) => role !== "" && role !== owner && !roles.has(role));
    if (unknown !== undefined || (grantee === owner && !roles.has(owner))) {
      unknownRoles.push(unknown ?? grantee);
      continue;
    }
    const to = grantee === "" ? "public" : quoteIdentifier(grantee);
    for (const { name: privilege, grantOption } of privileges) {
      const option = grantOption ? " with grant option" : "";
      const grant = `grant ${privilege} on database ${database} to ${to}${option}`;
      statements.push(
        grantor === owner ? grant : `set role ${quoteIdentifier(grantor)}; ${grant}; reset role`,
      );
    }
  }
  return { statements, unknownRoles };
}

/** Settings whose value is a list of names: quoted as one constant they would become one odd name. */
const listSettings = new Set([
  "local_preload_libraries",
  "search_path",
  "session_preload_libraries",
  "shared_preload_libraries",
  "temp_tablespaces",
  "unix_socket_directories",
]);

/** `setting` as `pg_db_role_setting` holds it: `name=value`. */
export function settingStatement(database: string | undefined, role: string, setting: string): string {
  const split = setting.indexOf("=");
  if (split < 1) throw unreadable();
  const name = setting.slice(0, split);
  const value = setting.slice(split + 1);
  const constants = listSettings.has(name.toLowerCase())
    ? splitNameList(value).map(quoteLiteral).join(", ")
    : quoteLiteral(value);
  const where = database === undefined ? "" : ` in database ${quoteIdentifier(database)}`;
  const whose =
    role === ""
      ? `alter database ${quoteIdentifier(database ?? "")}`
      : `alter role ${quoteIdentifier(role)}${where}`;
  return `${whose} set ${quoteIdentifier(name)} to ${constants === "" ? "''" : constants}`;
}

function splitNameList(value: string): readonly string[] {
  return [...value.matchAll(/"((?:[^"]|"")*)"|[^,\s]+/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : quoted.replaceAll('""', '"'),
  );
}

/** One-dimensional array text: `{a,"b \"c\""}`. */
function parseTextArray(text: string): readonly string[] {
  if (!text.startsWith("{") || !text.endsWith("}")) throw unreadable();
  const inner = text.slice(1, -1);
  const items = [...inner.matchAll(/"((?:[^"\\]|\\.)*)"(?:,|$)|([^,"]+)(?:,|$)/gs)];
  if (items.map(([whole]) => whole).join("") !== inner) throw unreadable();
  return items.map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replaceAll(/\\(.)/gs, "$1"),
  );
}

function unreadable(): LifeboatError {
  return new LifeboatError(
    "snapshot-damaged",
    "The database's rights or settings in the snapshot cannot be read.",
  );
}
