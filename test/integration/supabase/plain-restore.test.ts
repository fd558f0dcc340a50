import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { type SupabaseCluster, supabaseCluster } from "../../support/supabase/cluster.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { backUp, complaints, connectionTo, newSafe, type Safe, verify } from "../backup/backing-up.ts";

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
    const report = await verify(safe, snapshot.id, { level: "restored", server });
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
  });
});
