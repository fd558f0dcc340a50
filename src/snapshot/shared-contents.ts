/** What contents.json says of the server beside its databases: who is in which role, and what belongs to roles. */
import { z } from "zod";
import { listOf } from "./list-of.ts";

const membership = z.looseObject({
  role: z.string(),
  member: z.string(),
  /** null: the role that granted it is gone. */
  grantor: z.string().nullable(),
  admin: z.boolean(),
  /** null: a server before 16, where the member's own INHERIT decides. */
  inherit: z.boolean().nullable(),
  /** null: a server before 16, where every member may SET ROLE. */
  set: z.boolean().nullable(),
});

export const sharedContents = z.looseObject({
  /** The role that initdb made: in whose name superusers grant. */
  firstRole: z.string(),
  memberships: listOf(membership),
  /** `ALTER ROLE … SET` for all databases, as `name=value`; `role` is "" for all roles. */
  roleSettings: listOf(z.looseObject({ role: z.string(), setting: z.string() })),
  roleComments: listOf(z.looseObject({ role: z.string(), comment: z.string() })),
  /** `VALID UNTIL`, with its time zone. */
  validUntil: listOf(z.looseObject({ role: z.string(), until: z.string() })),
  /** On roles, tablespaces and this database: `object` as SECURITY LABEL names it. */
  securityLabels: listOf(z.looseObject({ object: z.string(), provider: z.string(), label: z.string() })),
  /** One line a grant: `GRANT … ON PARAMETER`. `grantee` is "" for PUBLIC. */
  parameterGrants: listOf(
    z.looseObject({
      parameter: z.string(),
      grantee: z.string(),
      privilege: z.string(),
      grantable: z.boolean(),
    }),
  ),
  /** All but PostgreSQL's own; `acl` null: nobody granted anything. */
  tablespaces: listOf(z.looseObject({ name: z.string(), owner: z.string(), acl: z.string().nullable() })),
});

export type SharedContents = z.infer<typeof sharedContents>;
export type MembershipContents = SharedContents["memberships"][number];
