/** Shapes that stand in surroundings of their own (another server, a pooler, a library, a project), with the tests that make them. */
import type { Kind } from "./shape.ts";

export const elsewhere: Kind = {
  title: "Surroundings of their own",
  shapes: [
    {
      name: "hostssl",
      what: "A server that takes TLS only, asked with sslmode prefer, allow or none",
      result: "done, every connection encrypted",
      shownBy: "test/integration/tls/ways.test.ts",
    },
    {
      name: "preloaded",
      what: "Extensions that need a preloaded library (pg_cron, pgaudit)",
      result: "done where the library is preloaded, else `not-verified` and waivable",
      shownBy: "test/field/preloaded.test.ts",
      notCovered: "pg_cron where another database of the server has it: the setting is named.",
    },
    {
      name: "extension_rows",
      what: "Rows in tables of extensions that pg_dump leaves out",
      result: "counted by the backup, table by table, and `not-verified`",
      shownBy: "test/field/extension-rows.test.ts",
      notCovered: "The rows themselves.",
    },
    {
      name: "subscriptions",
      what: "Subscriptions to another server",
      result: "done, restored disabled; a throwaway copy never connects",
      shownBy: "test/field/subscriptions.test.ts",
      notCovered: "A backup by a role that is no superuser: it lacks them, and says so.",
    },
    {
      name: "user_mappings",
      what: "User mappings with passwords; foreign partitions",
      result: "done; no server is dialled",
      shownBy: "test/field/foreign-servers.test.ts",
      notCovered: "Options of mappings that the backup role may not see: named by the backup.",
    },
    {
      name: "role_settings",
      what: "Some thirty settings of roles and databases that change what is read or written, or end the work",
      result: "done, none reaches a session",
      shownBy: "test/field/settings.test.ts",
    },
    {
      name: "pgbouncer",
      what: "PgBouncer in session mode, without any startup parameter",
      result: "done; transaction and statement mode are refused by name",
      shownBy: "test/integration/backup/pgbouncer.test.ts",
    },
    {
      name: "unreadable",
      what: "Large objects and sequences that the backup role may not read",
      result: "refused before anything is dumped, with the GRANT that helps",
      shownBy: "test/integration/backup/unreadable.test.ts",
    },
    {
      name: "few_connections",
      what: "A role or server with too few connections",
      result: "done with fewer jobs, or refused by what lacks",
      shownBy: "test/integration/backup/few-connections.test.ts",
    },
    {
      name: "many_locks",
      what: "Tables and indexes beyond the room for locks",
      result: "done part by part, or refused with the setting that suffices",
      shownBy: "test/field/rows.test.ts",
    },
    {
      name: "standby",
      what: "Unlogged tables and sequences on a hot standby",
      result: "done, listed as not backed up",
      shownBy: "test/integration/standby/unlogged.test.ts",
      notCovered: "Rows of unlogged tables: a standby has none.",
    },
    {
      name: "missing_locale",
      what: "A locale that the machine lacks",
      result: "`not-verified` and waivable; a restore is refused with the cure",
      shownBy: "test/integration/restore/new-database.test.ts",
    },
    {
      name: "odd_files",
      what: "Application files with names that are no UTF-8, high ids and times of all ages",
      result: "kept exactly, or named",
      shownBy: "test/integration/application/kept.test.ts",
    },
    {
      name: "project_edges",
      what: "A Supabase project's own grants, settings of roles, foreign servers, extensions without a schema, queues",
      result: "done, or named one by one",
      shownBy: "test/integration/supabase/restore-edges.test.ts",
    },
    {
      name: "project_buckets",
      what: "Limits and allow-lists of buckets, odd keys, rows without bytes",
      result: "done; objects that the service refuses are named",
      shownBy: "test/integration/buckets/restore.test.ts",
    },
  ],
};
