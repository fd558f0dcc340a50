/**
 * What pg_dumpall's globals.sql says about roles, read as words and never as SQL: a line that is not exactly of a
 * known shape is ignored, so nothing that a source's owner wrote into a name or setting can become a statement.
 */

import type { MembershipContents } from "../snapshot/shared-contents.ts";
import { roleVerifier } from "../snapshot/supabase-contents.ts";

export interface GlobalRole {
  /** `LOGIN` to true, `SUPERUSER` to false, … */
  readonly attributes: ReadonlyMap<string, boolean>;
  readonly connectionLimit?: number;
  /** SCRAM or md5 verifier; a password in clear is never taken over. */
  readonly verifier?: string;
  readonly validUntil?: string;
}

export interface GlobalRoles {
  readonly roles: ReadonlyMap<string, GlobalRole>;
  readonly memberships: readonly MembershipContents[];
}

const name = String.raw`("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)`;
const text = String.raw`'((?:[^']|'')*)'`;
const alterRole = new RegExp(`^ALTER ROLE ${name} WITH (.+);$`);
const grantRole = new RegExp(
  `^GRANT ${name} TO ${name}(?: WITH (ADMIN OPTION|(?:ADMIN|INHERIT|SET) (?:TRUE|FALSE|OPTION)(?:, (?:ADMIN|INHERIT|SET) (?:TRUE|FALSE|OPTION))*))?(?: GRANTED BY ${name})?;$`,
);
const option = new RegExp(
  `^(?:(NO)?(SUPERUSER|INHERIT|CREATEROLE|CREATEDB|LOGIN|REPLICATION|BYPASSRLS)|CONNECTION LIMIT (-?\\d{1,9})|PASSWORD ${text}|VALID UNTIL ${text})(?: |$)`,
);
const verifierShape =
  /^(?:SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+|md5[0-9a-f]{32})$/;

export function parseGlobals(sql: string): GlobalRoles {
  const roles = new Map<string, GlobalRole>();
  const memberships: MembershipContents[] = [];
  for (const line of sql.split("\n")) {
    const altered = alterRole.exec(line);
    const options = altered?.[2] === undefined ? undefined : parseOptions(altered[2]);
    if (altered?.[1] !== undefined && options !== undefined) roles.set(unquote(altered[1]), options);
    const granted = grantRole.exec(line);
    if (granted?.[1] !== undefined && granted[2] !== undefined) {
      memberships.push({
        role: unquote(granted[1]),
        member: unquote(granted[2]),
        grantor: granted[4] === undefined ? null : unquote(granted[4]),
        admin: /ADMIN (?:OPTION|TRUE)/.test(granted[3] ?? ""),
        ...since16(granted[3] ?? ""),
      });
    }
  }
  return { roles, memberships };
}

/** pg_dumpall spells INHERIT out since 16, and SET only where it is false. */
function since16(options: string): Pick<MembershipContents, "inherit" | "set"> {
  const inherit = /INHERIT (TRUE|OPTION|FALSE)/.exec(options)?.[1];
  if (inherit === undefined) return { inherit: null, set: null };
  return { inherit: inherit !== "FALSE", set: !/SET FALSE/.test(options) };
}

/** With the verifiers of the part `role-verifiers`; a line that is not one is ignored, as in globals.sql. */
export function withVerifiers(
  roles: GlobalRoles["roles"],
  lines: string | undefined,
): ReadonlyMap<string, GlobalRole> {
  const merged = new Map(roles);
  for (const line of lines?.split("\n").filter((one) => one !== "") ?? []) {
    const { name, verifier } = roleVerifier.parse(JSON.parse(line));
    const role = merged.get(name);
    if (role !== undefined && verifierShape.test(verifier)) merged.set(name, { ...role, verifier });
  }
  return merged;
}

function parseOptions(words: string): GlobalRole | undefined {
  const attributes = new Map<string, boolean>();
  let role: Omit<GlobalRole, "attributes"> = {};
  for (let rest = words; rest !== "";) {
    const match = option.exec(rest);
    if (match === null) return undefined;
    const [whole, no, attribute, limit, password, until] = match;
    if (attribute !== undefined) attributes.set(attribute, no === undefined);
    if (limit !== undefined) role = { ...role, connectionLimit: Number(limit) };
    if (password !== undefined && verifierShape.test(password)) role = { ...role, verifier: password };
    if (until !== undefined) role = { ...role, validUntil: until.replaceAll("''", "'") };
    rest = rest.slice(whole.length);
  }
  return { attributes, ...role };
}

function unquote(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}
