/** `GRANT … ON PARAMETER`, of PostgreSQL 15 and later: to roles that this restore created; the rest is named. */
import type { SharedContents } from "../snapshot/shared-contents.ts";
import type { Finding } from "../verification/findings.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { roleFinding } from "./role-findings.ts";
import { tried } from "./tried.ts";

type ParameterGrant = SharedContents["parameterGrants"][number];

interface ParameterTarget {
  readonly major: number;
  readonly shared: SharedContents;
}

/** `sql` is in a transaction. */
export async function restoreParameters(
  sql: Sql,
  backup: SharedContents,
  { created, target }: { readonly created: ReadonlySet<string>; readonly target: ParameterTarget },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const one of backup.parameterGrants.filter(({ grantee }) => created.has(grantee))) {
    const refusal =
      target.major < 15 ? "it came with PostgreSQL 15" : (await tried(sql, statementOf(one)))?.message;
    if (refusal !== undefined) findings.push(notRestored(one, refusal));
  }
  return [...findings, ...ofExisting(backup, created, target)];
}

/** Of PUBLIC and of roles that exist, which are never altered. */
function ofExisting(
  { parameterGrants }: SharedContents,
  created: ReadonlySet<string>,
  { shared }: ParameterTarget,
): readonly Finding[] {
  const same = (a: ParameterGrant) => (b: ParameterGrant) =>
    a.parameter === b.parameter && a.grantee === b.grantee && a.privilege === b.privilege;
  const narrower = parameterGrants
    .filter((one) => !created.has(one.grantee))
    .filter((one) => {
      const here = shared.parameterGrants.find(same(one));
      return here === undefined || (one.grantable && !here.grantable);
    })
    .map((one) => notRestored(one, "what exists here is never altered"));
  const wider = shared.parameterGrants
    .filter((one) => {
      const before = parameterGrants.find(same(one));
      return before === undefined || (one.grantable && !before.grantable);
    })
    .map((one) =>
      roleFinding(
        "role-differs",
        `The right ${said(one)} is here and not in the backup (wider here).`,
        `REVOKE ${one.privilege} ON PARAMETER ${parameterName(one)} FROM ${whom(one)}`,
      ),
    );
  return [...narrower, ...wider];
}

/** `a.b` is two words. */
function parameterName({ parameter }: ParameterGrant): string {
  return parameter.split(".").map(quoteIdentifier).join(".");
}

function whom({ grantee }: ParameterGrant): string {
  return grantee === "" ? "PUBLIC" : quoteIdentifier(grantee);
}

function said(one: ParameterGrant): string {
  const option = one.grantable ? " with grant option" : "";
  return `${one.privilege} on the parameter ${one.parameter} for ${whom(one)}${option}`;
}

function statementOf(one: ParameterGrant): string {
  const option = one.grantable ? " WITH GRANT OPTION" : "";
  return `GRANT ${one.privilege} ON PARAMETER ${parameterName(one)} TO ${whom(one)}${option}`;
}

function notRestored(one: ParameterGrant, why: string): Finding {
  return roleFinding(
    "parameter-grant-not-restored",
    `The right ${said(one)} was not restored: ${why}.`,
    statementOf(one),
  );
}
