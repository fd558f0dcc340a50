/**
 * What belongs to roles and not to a database: memberships, settings, comments, rights on parameters. Roles that this
 * restore created get theirs; whatever concerns roles that were there is named, with the command, and left alone.
 */
import type { DatabaseContents } from "../snapshot/contents.ts";
import type { MembershipContents, SharedContents } from "../snapshot/shared-contents.ts";
import type { Finding } from "../verification/findings.ts";
import type { Sql } from "./client.ts";
import { readRoles } from "./database-properties.ts";
import { quoteIdentifier, quoteLiteral } from "./identifiers.ts";
import { roleSide } from "./membership.ts";
import { compareMemberships, planMemberships } from "./plan-memberships.ts";
import { readShared } from "./read-shared.ts";
import { settingStatement } from "./restore-properties.ts";
import { roleFinding } from "./role-findings.ts";
import { restoreParameters } from "./restore-parameters.ts";
import { tried } from "./tried.ts";

/** Roles of a server, and everything shared, as they were before a restore. */
export interface ServerRoles {
  readonly major: number;
  readonly roles: DatabaseContents["roles"];
  readonly shared: SharedContents;
}

export interface BackedUpRoles {
  readonly major: number;
  readonly roles: DatabaseContents["roles"];
  /** undefined: an older backup, of which globals.sql alone knows. */
  readonly shared: SharedContents | undefined;
  /** From globals.sql; used where `shared` is absent. */
  readonly memberships: readonly MembershipContents[];
}

export async function readServerRoles(sql: Sql): Promise<ServerRoles> {
  const { rows } = await sql.query<{ number: string }>(
    "select pg_catalog.current_setting('server_version_num') as number",
  );
  const major = Math.floor(Number(rows[0]?.number) / 10_000);
  return { major, roles: await readRoles(sql), shared: await readShared(sql, major) };
}

export interface SharedRestore {
  readonly backup: BackedUpRoles;
  readonly target: ServerRoles;
  readonly created: ReadonlySet<string>;
}

/** `sql` is in a transaction. */
export async function restoreShared(sql: Sql, restore: SharedRestore): Promise<readonly Finding[]> {
  const { backup, target } = restore;
  const findings = [...(await restoreMemberships(sql, restore))];
  if (backup.shared === undefined) {
    const sentence = "The backup does not record settings, comments and parameter rights of roles.";
    return [...findings, roleFinding("shared-not-recorded", sentence)];
  }
  findings.push(
    ...(await restoreSettings(sql, backup.shared, restore)),
    ...(await restoreComments(sql, backup.shared, restore)),
    ...(await restoreParameters(sql, backup.shared, restore)),
    ...labelFindings(backup.shared, target),
    ...tablespaceFindings(backup.shared, target),
  );
  return findings;
}

async function restoreMemberships(
  sql: Sql,
  { backup, target, created }: SharedRestore,
): Promise<readonly Finding[]> {
  const { firstRole = "", memberships = backup.memberships } = backup.shared ?? {};
  const input = {
    backup: roleSide(backup.major, backup.roles, { firstRole, memberships }),
    target: roleSide(target.major, target.roles, target.shared),
    created,
  };
  const { grants, findings } = planMemberships(input);
  const more: Finding[] = [];
  for (const { role, member, grantor, statement, inOwnName } of grants) {
    const refusal = await tried(sql, statement);
    if (refusal === undefined) continue;
    const names = `${quoteIdentifier(member)}'s membership in ${quoteIdentifier(role)}`;
    const again = grantor === undefined ? refusal : await tried(sql, inOwnName);
    more.push(
      again === undefined
        ? roleFinding(
            "grantor-differs",
            `${names} is granted in the name of the restoring role: ${refusal.message}.`,
          )
        : roleFinding("membership-not-restored", `${names} was not restored: ${again.message}.`, statement),
    );
  }
  return [...findings, ...more, ...compareMemberships(input)];
}

async function restoreSettings(
  sql: Sql,
  shared: SharedContents,
  { backup, target, created }: SharedRestore,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const same = (a: { role: string; setting: string }) => (b: { role: string; setting: string }) =>
    a.role === b.role && a.setting === b.setting;
  for (const one of shared.roleSettings) {
    if (created.has(one.role)) {
      const refusal = await tried(sql, settingStatement(undefined, one.role, one.setting));
      // The server's own words may repeat the value, which may be a secret.
      if (refusal !== undefined) findings.push(settingLeft(one, `the server refused it (${refusal.code})`));
    } else if (!target.shared.roleSettings.some(same(one))) {
      findings.push(settingLeft(one, "what exists here is never altered"));
    }
  }
  const known = new Set(["", ...backup.roles.map(({ name }) => name)]);
  for (const one of target.shared.roleSettings) {
    const name = nameOf(one.setting);
    const other = shared.roleSettings.some(
      ({ role, setting }) => role === one.role && nameOf(setting) === name,
    );
    if (other || !known.has(one.role) || created.has(one.role)) continue;
    findings.push(
      roleFinding(
        "role-differs",
        `${whose(one.role)} setting ${quoteIdentifier(name)} is here and not in the backup.`,
        `${alterRole(one.role)} RESET ${quoteIdentifier(name)}`,
      ),
    );
  }
  return findings;
}

function nameOf(setting: string): string {
  return setting.slice(0, setting.indexOf("="));
}

function whose(role: string): string {
  return role === "" ? "All roles'" : `${quoteIdentifier(role)}'s`;
}

function alterRole(role: string): string {
  return `ALTER ROLE ${role === "" ? "ALL" : quoteIdentifier(role)}`;
}

/** Never with its value. */
function settingLeft({ role, setting }: { role: string; setting: string }, why: string): Finding {
  const name = quoteIdentifier(nameOf(setting));
  return roleFinding(
    "role-setting-not-restored",
    `${whose(role)} setting ${name} was not restored: ${why}.`,
    `${alterRole(role)} SET ${name} TO …`,
  );
}

export async function restoreComments(
  sql: Sql,
  shared: SharedContents,
  { target, created }: Pick<SharedRestore, "target" | "created">,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { role, comment } of shared.roleComments) {
    const here = target.shared.roleComments.find((one) => one.role === role)?.comment;
    if (!created.has(role) && here === comment) continue;
    const statement = `COMMENT ON ROLE ${quoteIdentifier(role)} IS ${quoteLiteral(comment)}`;
    const refusal = created.has(role)
      ? (await tried(sql, statement))?.message
      : "what exists here is never altered";
    if (refusal === undefined) continue;
    const sentence = `${whose(role)} comment was not restored: ${refusal}.`;
    findings.push(roleFinding("role-comment-not-restored", sentence, statement));
  }
  return findings;
}

export function labelFindings(
  { securityLabels }: SharedContents,
  { shared }: ServerRoles,
): readonly Finding[] {
  return securityLabels
    .filter(
      ({ object, provider, label }) =>
        !shared.securityLabels.some(
          (here) => here.object === object && here.provider === provider && here.label === label,
        ),
    )
    .map(({ object, provider, label }) =>
      roleFinding(
        "security-label-not-restored",
        `The security label of ${object} was not restored.`,
        `SECURITY LABEL FOR ${quoteIdentifier(provider)} ON ${object} IS ${quoteLiteral(label)}`,
      ),
    );
}

function tablespaceFindings({ tablespaces }: SharedContents, { shared }: ServerRoles): readonly Finding[] {
  return tablespaces.flatMap(({ name, owner, acl }) => {
    const here = shared.tablespaces.find((one) => one.name === name);
    const quoted = quoteIdentifier(name);
    if (here?.owner === owner && here.acl === acl) return [];
    if (here === undefined && acl === null) return [];
    const rights = acl === null ? "no grants" : acl;
    const sentence =
      here === undefined
        ? `The rights on the tablespace ${quoted} were not restored (owner ${quoteIdentifier(owner)}, ${rights}).`
        : `The tablespace ${quoted} is here with other rights (owner ${quoteIdentifier(here.owner)}, ${here.acl ?? "no grants"}) than in the backup (owner ${quoteIdentifier(owner)}, ${rights}).`;
    return [roleFinding("tablespace-rights-not-restored", sentence)];
  });
}
