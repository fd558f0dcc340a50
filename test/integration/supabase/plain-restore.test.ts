import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { startServer } from "../../support/servers.ts";
import { type SupabaseCluster, supabaseCluster } from "../../support/supabase/cluster.ts";
import { sharedServer } from "../../support/shared-server.ts";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  restore,
  type Safe,
  verify,
} from "../backup/backing-up.ts";

describe.each([15, 17] as const)("a project, PostgreSQL %i, restored into a stock server", (major) => {
  let safe: Safe;
  let cluster: SupabaseCluster;
  beforeAll(async () => {
    safe = await newSafe();
    cluster = await supabaseCluster({ major, withVectors: true });
    await cluster.fillProject();
  });
  afterAll(async () => {
    await cluster.stop();
    await safe[Symbol.asyncDispose]();
  });

  test("everything comes back without an error, and is equal", async () => {
    const { snapshot } = await backUp(safe, parseConnection(cluster.url(), "test's URL"), { vault: true });
    const server = connectionTo(await sharedServer(major), "postgres");
    const report = await verify(safe, snapshot.id, {
      ...{ level: "restored", server, trustContents: true, waive: ["not-backed-up"] },
    });
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
  });

  test("roles come back as they were, passwords included where they were backed up", async () => {
    const { snapshot } = await backUp(safe, parseConnection(cluster.url(), "test's URL"), {
      rolePasswords: true,
    });
    const stock = await startServer(major);
    try {
      await restore(safe, snapshot.id, {
        target: connectionTo(stock, "copy"),
        mode: { kind: "new-database" },
        roles: "as-backed-up",
      });
      const own =
        "select rolname, rolpassword, rolbypassrls, rolconnlimit from pg_authid where rolname like 'app\\_%' order by 1";
      expect(await stock.sql("copy", own)).toEqual(await cluster.asAdmin(own));
      const platform = "select rolname, rolsuper from pg_roles where rolname like 'supabase%' order by 1";
      expect(await stock.sql("copy", platform)).toEqual(await cluster.asAdmin(platform));
    } finally {
      await stock.stop();
    }
  });

  test("without logins, no role is a superuser, and the owners are right nevertheless", async () => {
    const { snapshot } = await backUp(safe, parseConnection(cluster.url(), "test's URL"));
    const stock = await startServer(major);
    try {
      await restore(safe, snapshot.id, {
        target: connectionTo(stock, "copy"),
        mode: { kind: "new-database" },
      });
      const superusers = "select rolname from pg_roles where rolsuper or rolcanlogin";
      expect(await stock.sql("copy", superusers)).toEqual([{ rolname: "postgres" }]);
      const owner =
        "select evtowner::regrole::text as owner from pg_event_trigger where evtname = 'app_watch_ddl'";
      expect(await stock.sql("copy", owner)).toEqual([{ owner: "supabase_admin" }]);

      // The role is there by now, and none: the restoring superuser owns what only one may own.
      const again = await restore(safe, snapshot.id, {
        target: connectionTo(stock, "second"),
        mode: { kind: "new-database" },
      });
      expect(await stock.sql("second", superusers)).toEqual([{ rolname: "postgres" }]);
      expect(await stock.sql("second", owner)).toEqual([{ owner: "postgres" }]);
      const instead = again.restored?.findings.filter(({ code }) => code === "owner-instead") ?? [];
      expect(instead.map(({ sentence }) => sentence).join("\n")).toContain(
        'alter event trigger "app_watch_ddl" owner to "supabase_admin";',
      );
      expect(again.restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
    } finally {
      await stock.stop();
    }
  });
});
