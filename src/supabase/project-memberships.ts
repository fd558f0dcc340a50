/** Memberships, comments and rights on parameters of a user's own roles in a project. */
import { roleSide } from "../postgres/membership.ts";
import { compareMemberships, planMemberships, type PlannedGrant } from "../postgres/plan-memberships.ts";
import { restoreParameters } from "../postgres/restore-parameters.ts";
import {
  labelFindings,
  readServerRoles,
  restoreComments,
  type ServerRoles,
} from "../postgres/restore-shared.ts";
import { roleFinding } from "../postgres/role-findings.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import type { MembershipContents } from "../snapshot/shared-contents.ts";
import type { Finding } from "../verification/findings.ts";
import { attempt } from "./attempt.ts";
import { isPlatformRole } from "./platform-roles.ts";
import type { RoleRunner, RoleSource } from "./project-roles.ts";
import type { ProjectTally } from "./project-report.ts";

/** Those between roles that exist stay as they are; each that differs is told. */
export async function restoreMemberships(
  runner: RoleRunner,
  source: RoleSource,
  created: ReadonlySet<string>,
  tally: ProjectTally,
): Promise<readonly Finding[]> {
  const { backup } = source;
  const target = await readServerRoles(runner.sql);
  const memberships = membershipsOf(source);
  const firstRole = backup.shared?.firstRole ?? "supabase_admin";
  const input = {
    backup: roleSide(backup.server.major, backup.roles, { firstRole, memberships }),
    target: roleSide(target.major, target.roles, target.shared),
    created,
    isServers: isPlatformRole,
  };
  const { grants, leftOut, findings } = planMemberships(input);
  const more: Finding[] = [];
  for (const grant of grants) more.push(...(await perform(runner, grant, tally)));
  for (const { name } of leftOut) {
    tally.add("memberships", "person", { name, reason: "cannot be restored without giving more" });
  }
  const others = memberships.filter(({ role, member }) => !created.has(role) && !created.has(member));
  for (const { role, member } of others) {
    const name = `${role} to ${member}`;
    const reason = isKept({ role, member }) ? "the platform makes and keeps its own" : "both roles exist";
    tally.add("memberships", "kept", { name, reason });
  }
  return [...findings, ...more, ...compareMemberships(ofUsers(input))];
}

function membershipsOf({ backup, globals }: RoleSource): readonly MembershipContents[] {
  const older = backup.supabase?.memberships.map((one) => ({
    ...one,
    grantor: null,
    inherit: null,
    set: null,
  }));
  return backup.shared?.memberships ?? older ?? globals.memberships;
}

function isKept({ role, member }: { readonly role: string; readonly member: string }): boolean {
  return isPlatformRole(role) && isPlatformRole(member);
}

/** Without what the platform gives its own roles, which changes from release to release. */
function ofUsers<T extends Parameters<typeof compareMemberships>[0]>(input: T): T {
  const without = (side: T["backup"]): T["backup"] => ({
    ...side,
    memberships: side.memberships.filter((row) => !isKept(row)),
  });
  return { ...input, backup: without(input.backup), target: without(input.target) };
}

/** As the role that granted it, or as a superuser whom supautils lends, or in our own name. */
async function perform(
  { sql, runElevated }: RoleRunner,
  { role, member, grantor, statement, inOwnName }: PlannedGrant,
  tally: ProjectTally,
): Promise<readonly Finding[]> {
  const ways = [
    () => sql.query(statement),
    () => runElevated(sql, statement),
    ...(grantor === undefined ? [] : [() => sql.query(inOwnName), () => runElevated(sql, inOwnName)]),
  ];
  let refusal: string | undefined;
  for (const [index, way] of ways.entries()) {
    const server = await attempt(sql, way);
    refusal ??= server;
    if (server !== undefined) continue;
    tally.add("memberships", "restored");
    if (index < 2) return [];
    const names = `${quoteIdentifier(member)}'s membership in ${quoteIdentifier(role)}`;
    return [
      roleFinding(
        "grantor-differs",
        `${names} is granted in the name of the restoring role: ${refusal ?? ""}.`,
      ),
    ];
  }
  const reason = "the target refused it";
  tally.add("memberships", "person", {
    name: `${role} to ${member}`,
    reason,
    ...(refusal === undefined ? {} : { server: refusal }),
  });
  return [];
}

/** Of roles that this restore created; labels are told. */
export async function restoreRoleTraits(
  { sql }: RoleRunner,
  { backup }: RoleSource,
  created: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const { shared } = backup;
  if (shared === undefined) return [];
  const target = withoutPlatform(await readServerRoles(sql));
  const users = withoutPlatform({ shared });
  return [
    ...(await restoreComments(sql, users.shared, { target, created })),
    ...(await restoreParameters(sql, users.shared, { created, target })),
    ...labelFindings(users.shared, target),
  ];
}

/** What the platform says of its own roles. */
function withoutPlatform<T extends Pick<ServerRoles, "shared">>(roles: T): T {
  const { shared } = roles;
  return {
    ...roles,
    shared: {
      ...shared,
      roleComments: shared.roleComments.filter(({ role }) => !isPlatformRole(role)),
      parameterGrants: shared.parameterGrants.filter(({ grantee }) => !isPlatformRole(grantee)),
    },
  };
}
