/**
 * Who becomes a member of what after a restore. Nobody may do more than at the source: what the target cannot express,
 * or would make wider, is left out and named. Pure.
 */
import type { Finding } from "../verification/findings.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { type Membership, merge, type RoleSide, sameKey, spelled, knownTo } from "./membership.ts";
import { roleFinding } from "./role-findings.ts";
import { powerWords } from "./role-words.ts";

export interface PlannedGrant {
  readonly role: string;
  readonly member: string;
  /** In whose name; undefined: whoever restores. */
  readonly grantor: string | undefined;
  readonly statement: string;
  /** The same in the restoring role's name. */
  readonly inOwnName: string;
}

export interface MembershipPlan {
  readonly grants: readonly PlannedGrant[];
  /** `role to member` of those that cannot be granted; each has a finding. */
  readonly leftOut: readonly { readonly name: string }[];
  readonly findings: readonly Finding[];
}

export interface MembershipInput {
  readonly backup: RoleSide;
  /** As it was before roles were created. */
  readonly target: RoleSide;
  readonly created: ReadonlySet<string>;
  /** Roles whose rights are the server's own affair, such as a platform's. */
  readonly isServers?: (role: string) => boolean;
}

/** Of memberships in which a role has a part that this restore created; the others are never altered. */
export function planMemberships(input: MembershipInput): MembershipPlan {
  const findings: Finding[] = [];
  const { backup, target, created } = input;
  const known = (role: string): boolean => target.roles.has(role) || created.has(role) || /^pg_/.test(role);
  const wanted = spelled(backup, target.major).filter(
    (row) => (created.has(row.role) || created.has(row.member)) && !isImplied(row, input),
  );
  const refused: { name: string }[] = [];
  const possible = wanted.filter((row) => {
    const refusal = refusalOf(row, input, known);
    if (refusal === undefined) return true;
    findings.push(leftOut(row, refusal, target.major));
    refused.push({ name: `${row.role} to ${row.member}` });
    return false;
  });
  for (const row of possible) {
    if (target.major >= 16 || !row.inherit || inheritsHere(row.member, input)) continue;
    findings.push(
      roleFinding(
        "membership-differs",
        `${quoteIdentifier(row.member)} does not inherit from ${quoteIdentifier(row.role)} here: before PostgreSQL 16 a role inherits from all or from none, and it is NOINHERIT.`,
        `ALTER ROLE ${quoteIdentifier(row.member)} INHERIT`,
      ),
    );
  }
  const grants = inOrder(possible, input, known, findings);
  return { grants, leftOut: refused, findings };
}

/** Who creates a role administers it by such a membership since 16, and by CREATEROLE alone before. */
function isImplied(
  { member, admin, inherit, set }: Membership,
  { backup, target, created }: MembershipInput,
): boolean {
  const side = created.has(member) ? backup : target;
  const creates = side.roles.get(member)?.has("CREATEROLE") === true;
  return target.major < 16 && admin && !inherit && !set && creates;
}

/** Why this one is not granted. */
function refusalOf(
  row: Membership,
  input: MembershipInput,
  known: (role: string) => boolean,
): string | undefined {
  const { target } = input;
  for (const role of [row.role, row.member]) {
    if (!known(role)) return `there is no role ${quoteIdentifier(role)} here`;
  }
  const more = morePowers(row.role, input);
  if (more.length > 0) {
    return `${quoteIdentifier(row.role)} may do more here than in the backup (${more.join(", ")})`;
  }
  if (target.major >= 16) return undefined;
  if (!row.set) return `before PostgreSQL 16 every member may SET ROLE, and this one might not (SET FALSE)`;
  if (!row.inherit && inheritsHere(row.member, input)) {
    return `before PostgreSQL 16 a role inherits from all or from none, and this one did not inherit here (INHERIT FALSE)`;
  }
  return undefined;
}

function inheritsHere(member: string, { backup, target, created }: MembershipInput): boolean {
  const side = created.has(member) ? backup : target;
  return side.roles.get(member)?.has("INHERIT") ?? true;
}

/** What being a member of a role that exists gives here, and did not give at the source. */
function morePowers(
  role: string,
  { backup, target, created, isServers }: MembershipInput,
): readonly string[] {
  if (created.has(role) || isServers?.(role) === true) return [];
  const before = powersOf(role, backup);
  if (before.has("SUPERUSER")) return [];
  return [...powersOf(role, target)].filter((power) => !before.has(power)).toSorted();
}

/** Attributes and predefined roles that a member of `role` can reach, at any distance. */
function powersOf(role: string, { roles, memberships }: RoleSide): ReadonlySet<string> {
  const reached = new Set([role]);
  for (const name of reached) {
    for (const row of memberships) if (row.member === name) reached.add(row.role);
  }
  const powers = [...reached].flatMap((name) => [
    ...[...(roles.get(name) ?? [])].filter((word) => powerWords.has(word)),
    ...(/^pg_/.test(name) ? [name] : []),
  ]);
  return new Set(powers);
}

/** First what the server's first role granted, then what those granted who may by then. */
function inOrder(
  rows: readonly Membership[],
  { backup, target }: MembershipInput,
  known: (role: string) => boolean,
  findings: Finding[],
): readonly PlannedGrant[] {
  const mayGrant = new Set(
    target.memberships.filter(({ admin }) => admin).map(({ role, member }) => `${role}\n${member}`),
  );
  const ordered: Membership[] = [];
  let waiting = rows.map((row) => ({ ...row, grantor: mapped(row.grantor, backup, target) }));
  for (let moved = true; moved;) {
    const ready = waiting.filter(
      ({ role, grantor }) =>
        grantor === null ||
        grantor === target.firstRole ||
        (target.major < 16 ? known(grantor) : mayGrant.has(`${role}\n${grantor}`)),
    );
    ordered.push(...ready);
    for (const { role, member, admin } of ready) if (admin) mayGrant.add(`${role}\n${member}`);
    waiting = waiting.filter((row) => !ready.includes(row));
    moved = ready.length > 0;
  }
  for (const row of waiting) {
    ordered.push({ ...row, grantor: null });
    const grantor = quoteIdentifier(row.grantor ?? "");
    const why = known(row.grantor ?? "")
      ? `${grantor}, which granted it in the backup, may not grant it here`
      : `there is no role ${grantor} here, which granted it in the backup`;
    findings.push(
      roleFinding(
        "grantor-differs",
        `${quoteIdentifier(row.member)} is a member of ${quoteIdentifier(row.role)} in the name of the restoring role: ${why}.`,
        undefined,
        // Before 16 nobody asked who had granted.
        backup.major < 16 ? "info" : "warning",
      ),
    );
  }
  return merge(ordered, (row) => row.grantor ?? target.firstRole).map((row) => ({
    role: row.role,
    member: row.member,
    grantor: row.grantor ?? undefined,
    statement: grantStatement(row, target.major, row.grantor ?? undefined),
    inOwnName: grantStatement(row, target.major),
  }));
}

/** Superusers grant in the name of the server's first role, whatever its name. */
function mapped(grantor: string | null, backup: RoleSide, target: RoleSide): string | null {
  return grantor === backup.firstRole ? target.firstRole : grantor;
}

export function grantStatement(row: Membership, major: number, grantor?: string): string {
  const grant = `grant ${quoteIdentifier(row.role)} to ${quoteIdentifier(row.member)}`;
  const by = grantor === undefined ? "" : ` granted by ${quoteIdentifier(grantor)}`;
  if (major < 16) return `${grant}${row.admin ? " with admin option" : ""}${by}`;
  return `${grant} with admin ${row.admin}, inherit ${row.inherit}, set ${row.set}${by}`;
}

function leftOut(row: Membership, why: string, major: number): Finding {
  return roleFinding(
    "membership-not-restored",
    `${quoteIdentifier(row.member)} was not made a member of ${quoteIdentifier(row.role)}: ${why}.`,
    grantStatement(row, major),
  );
}

/** Between roles that exist: what is otherwise than in the backup, and in which direction. */
export function compareMemberships({ backup, target, created }: MembershipInput): readonly Finding[] {
  const between = (rows: readonly Membership[]): readonly Membership[] =>
    merge(
      rows.filter(({ role, member }) => !created.has(role) && !created.has(member)),
      () => "",
    );
  const wanted = between(knownTo(spelled(backup, target.major), target));
  const here = between(knownTo(spelled(target, target.major), backup));
  const differences: Finding[] = [];
  const say = (row: Membership, what: string, command: string): void => {
    const superuser = target.roles.get(row.member)?.has("SUPERUSER") === true;
    const sentence = `${quoteIdentifier(row.member)}'s membership in ${quoteIdentifier(row.role)} ${what}.`;
    differences.push(roleFinding("membership-differs", sentence, command, superuser ? "info" : "warning"));
  };
  for (const row of wanted) {
    const other = here.find(sameKey(row));
    const command = grantStatement(row, target.major);
    if (other === undefined) {
      say(row, "is in the backup and not here (narrower here)", command);
      continue;
    }
    const options = ["admin", "inherit", "set"] as const;
    const more = options.filter((option) => other[option] && !row[option]);
    const less = options.filter((option) => !other[option] && row[option]);
    const said = [
      ...(more.length === 0 ? [] : [`has ${more.join(", ")} here and not in the backup (wider here)`]),
      ...(less.length === 0 ? [] : [`has ${less.join(", ")} in the backup and not here (narrower here)`]),
    ];
    if (said.length > 0) say(row, said.join(" and "), command);
  }
  for (const row of here) {
    if (wanted.some(sameKey(row))) continue;
    const command = `REVOKE ${quoteIdentifier(row.role)} FROM ${quoteIdentifier(row.member)}`;
    say(row, "is here and not in the backup (wider here)", command);
  }
  return differences;
}
