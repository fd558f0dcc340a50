/** Memberships with every option spelt out, whatever version they come from. Pure. */
import type { DatabaseContents } from "../snapshot/contents.ts";
import type { MembershipContents } from "../snapshot/shared-contents.ts";
import { attributesOf } from "./role-words.ts";

export interface Membership {
  readonly role: string;
  readonly member: string;
  /** null: gone, or not known. */
  readonly grantor: string | null;
  readonly admin: boolean;
  readonly inherit: boolean;
  readonly set: boolean;
}

/** What a backup, or a server, says of its roles. */
export interface RoleSide {
  readonly major: number;
  readonly firstRole: string;
  readonly memberships: readonly MembershipContents[];
  readonly roles: ReadonlyMap<string, ReadonlySet<string>>;
}

export function roleSide(
  major: number,
  roles: DatabaseContents["roles"],
  shared: { readonly firstRole: string; readonly memberships: readonly MembershipContents[] },
): RoleSide {
  return {
    major,
    firstRole: shared.firstRole,
    memberships: shared.memberships,
    roles: new Map(roles.map(({ name, attributes }) => [name, attributesOf(attributes)])),
  };
}

/**
 * Before PostgreSQL 16 the member's own INHERIT decides, and every member may SET ROLE. On a target before 16 there is
 * one membership of two roles.
 */
export function spelled(side: RoleSide, targetMajor: number): readonly Membership[] {
  const rows = side.memberships
    .filter(({ role, member }) => !(/^pg_/.test(role) && /^pg_/.test(member)))
    .map(({ role, member, grantor, admin, inherit, set }) => ({
      role,
      member,
      grantor,
      admin,
      inherit: inherit ?? side.roles.get(member)?.has("INHERIT") ?? true,
      set: set ?? true,
    }));
  return targetMajor < 16 ? merge(rows, () => "") : rows;
}

/** One row of several that `grantor` calls the same: whoever has an option by one has it. */
export function merge(
  rows: readonly Membership[],
  grantor: (row: Membership) => string,
): readonly Membership[] {
  const merged = new Map<string, Membership>();
  for (const row of rows) {
    const key = JSON.stringify([row.role, row.member, grantor(row)]);
    const other = merged.get(key);
    merged.set(
      key,
      other === undefined
        ? row
        : {
            ...other,
            admin: other.admin || row.admin,
            inherit: other.inherit || row.inherit,
            set: other.set || row.set,
          },
    );
  }
  return [...merged.values()];
}

/** Those whose roles the other side has both, PostgreSQL's own included. */
export function knownTo(rows: readonly Membership[], other: RoleSide): readonly Membership[] {
  const there = (role: string): boolean => other.roles.has(role) || /^pg_/.test(role);
  return rows.filter(({ role, member }) => there(role) && there(member));
}

export function sameKey(row: Membership): (other: Membership) => boolean {
  return ({ role, member }) => role === row.role && member === row.member;
}
