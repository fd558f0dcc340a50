import { describe, expect, test } from "vitest";
import { loadNastyDatabase } from "./nasty-database.ts";
import { majorsAvailable } from "./servers.ts";
import { sharedServer } from "./shared-server.ts";

describe.each(await majorsAvailable())("the nasty database on PostgreSQL %i", (major) => {
  test.each([true, false])("loads (superuser: %s)", async (superuser) => {
    const server = await sharedServer(major);
    const name = `nasty "${superuser}"`;
    await loadNastyDatabase(server, name, { superuser });
    const rows = await server.sql(
      name,
      `select relkind, count(*) from pg_catalog.pg_class where relowner <> 10 or ${superuser} group by 1`,
    );
    const counts = new Map(rows.map((row) => [row["relkind"], Number(row["count"])]));
    expect(counts.get("r")).toBeGreaterThan(120);
    expect(counts.get("p")).toBe(5);
  });
});
