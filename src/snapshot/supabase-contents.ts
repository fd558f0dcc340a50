/** What contents.json says of a Supabase database beyond any PostgreSQL database. */
import { z } from "zod";
import { listOf } from "./list-of.ts";

const count = z.int().nonnegative();

const publicationTable = z.looseObject({
  schema: z.string(),
  name: z.string(),
  /** null: all columns. */
  columns: listOf(z.string()).nullable(),
  /** SQL condition, without WHERE; null: all rows. */
  where: z.string().nullable(),
});

const publication = z.looseObject({
  name: z.string(),
  owner: z.string(),
  allTables: z.boolean(),
  insert: z.boolean(),
  update: z.boolean(),
  delete: z.boolean(),
  truncate: z.boolean(),
  viaRoot: z.boolean(),
  /** FOR TABLES IN SCHEMA. */
  schemas: listOf(z.string()),
  tables: listOf(publicationTable),
});

const cronJob = z.looseObject({
  jobid: count,
  name: z.string().nullable(),
  schedule: z.string(),
  command: z.string(),
  database: z.string(),
  username: z.string(),
  active: z.boolean(),
});

/** Of pgmq. */
const queue = z.looseObject({
  name: z.string(),
  partitioned: z.boolean(),
  unlogged: z.boolean(),
  createdAt: z.string(),
  /** Rows of its tables that are not in the backup, because the tables are the extension's own; 0: they are in it. */
  messagesLeftOut: count,
  archivedLeftOut: count,
});

const migrationHead = z.looseObject({ count, newest: z.string().nullable() });

/** `functions`: schema supabase_functions, database webhooks. */
export const supabaseComponents = [
  "auth",
  "storage",
  "realtime",
  "vault",
  "cron",
  "pgmq",
  "net",
  "graphql",
  "functions",
] as const;

export type SupabaseComponent = (typeof supabaseComponents)[number];

/** Names of components and generations that a newer Lifeboat adds are read as they stand. */
export const supabaseContents = z.looseObject({
  /** From the host `db.<ref>.supabase.co` or the user `postgres.<ref>`. */
  projectRef: z.string().nullable(),
  /** `classic`: new tables of postgres in public are granted to the API roles by default; `2026`: they are not. */
  generation: z.string(),
  /** `direct`, `session-pooler` or `other`. */
  connection: z.string(),
  components: listOf(z.string()),
  /** How many migrations each service has applied, and its newest one. */
  migrations: z.looseObject({
    auth: migrationHead.optional(),
    storage: migrationHead.optional(),
    realtime: migrationHead.optional(),
  }),
  memberships: listOf(z.looseObject({ role: z.string(), member: z.string(), admin: z.boolean() })),
  /** `ALTER ROLE … SET` for all databases, as `name=value`; those of the database are in its properties. */
  roleSettings: listOf(z.looseObject({ role: z.string(), setting: z.string() })),
  publications: listOf(publication),
  cronJobs: listOf(cronJob),
  /** Absent in backups of older versions. */
  queues: listOf(queue).optional(),
  /** How many secrets the vault holds; null: unreadable. */
  vaultSecrets: count.nullable(),
  /** They are in the part `vault`, decrypted. */
  vaultSealed: z.boolean(),
  /** Passwords of roles, as verifiers, are in the part `role-verifiers`. */
  verifiers: z.boolean(),
  /** `schema` null: for all schemas. */
  defaultAcls: listOf(
    z.looseObject({
      role: z.string(),
      schema: z.string().nullable(),
      objectType: z.string(),
      acl: z.string(),
    }),
  ),
});

export type SupabaseContents = z.infer<typeof supabaseContents>;
export type PublicationContents = SupabaseContents["publications"][number];
export type QueueContents = NonNullable<SupabaseContents["queues"]>[number];
export type CronJobContents = SupabaseContents["cronJobs"][number];

/** One line of the part `vault`. */
export const vaultSecret = z.looseObject({
  id: z.string(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  secret: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});

/** One line of the part `role-verifiers`: what `PASSWORD '…'` takes. */
export const roleVerifier = z.looseObject({ name: z.string(), verifier: z.string() });

export type VaultSecret = z.infer<typeof vaultSecret>;
export type RoleVerifier = z.infer<typeof roleVerifier>;
