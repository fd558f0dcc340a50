import { describe, expect, test } from "vitest";
import { tableKey } from "../../../src/postgres/archive-hash.ts";
import { tableDataOids } from "../../../src/postgres/archive-toc.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { runTool } from "../../../src/system/process.ts";
import { loadNastyDatabase, nastyPasswords } from "../../support/nasty-database.ts";
import { clientBinDir, type Major, majorsWithClients, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { archiveHashes, sqlHashes } from "../../support/table-hashes.ts";

const majors = await majorsWithClients([13, 15, 17, 18]);

async function binDirOf(major: Major): Promise<string> {
  const binDir = await clientBinDir(major);
  if (binDir === undefined) throw new Error(`no client ${major}`);
  return binDir;
}

function ownersUrl(server: TestServer, database: string): string {
  const url = new URL(server.url(database));
  url.username = "nasty_owner";
  url.password = encodeURIComponent(nastyPasswords.nasty_owner);
  return url.href;
}

describe.each(majors)("PostgreSQL %i", (major) => {
  test("the archive's lines hash like the server's rows, for every table", async () => {
    const server = await sharedServer(major);
    await loadNastyDatabase(server, "nasty");
    const fromSql = await sqlHashes(server.url("nasty"));
    const fromArchive = await archiveHashes(server.url("nasty"), await binDirOf(major));
    expect(fromSql.size).toBeGreaterThan(120);
    expect(fromSql.get(tableKey("app", "measurements"))?.rows).toBe(1200);
    expect(fromSql.get(tableKey("app", "paints"))?.rows).toBe(700);
    expect(fromSql.get(tableKey("app", "zero_columns"))).toEqual({ rows: 3, hash: "0000000000000000" });
    expect(fromArchive).toEqual(fromSql);
  });

  test("so they do for an owner who is no superuser", async () => {
    const server = await sharedServer(major);
    await loadNastyDatabase(server, "owned", { superuser: false });
    const url = ownersUrl(server, "owned");
    expect(await archiveHashes(url, await binDirOf(major))).toEqual(await sqlHashes(url));
  });

  test("the database's own settings change neither side", async () => {
    const server = await sharedServer(major);
    await loadNastyDatabase(server, "set");
    const before = await sqlHashes(server.url("set"));
    const settings = {
      timezone: "Asia/Tokyo",
      bytea_output: "escape",
      datestyle: "German, DMY",
      intervalstyle: "iso_8601",
      extra_float_digits: "0",
      lc_monetary: "C.UTF-8",
      standard_conforming_strings: "off",
      xmloption: "document",
      search_path: "types, app, names, public",
    };
    for (const [name, value] of Object.entries(settings)) {
      const list = name === "search_path" ? value : `'${value}'`;
      await server.sql("set", `alter database set set ${name} = ${list}`);
    }
    expect(await sqlHashes(server.url("set"))).toEqual(before);
    expect(await archiveHashes(server.url("set"), await binDirOf(major))).toEqual(before);
  });

  test("the table of contents names every table with rows of its own by its oid", async () => {
    const server = await sharedServer(major);
    await loadNastyDatabase(server, "listed");
    const binDir = await binDirOf(major);
    const { stdout } = await runTool({
      program: `${binDir}/pg_dump`,
      args: ["-Fc", "-Z0"],
      env: libpqEnvironment(parseConnection(server.url("listed"), "test's URL")),
    });
    const listing = await runTool({ program: `${binDir}/pg_restore`, args: ["-l"] }, { input: stdout });
    const rows = await server.sql(
      "listed",
      `select c.oid from pg_class c where relkind = 'r' and c.oid >= 16384
         and relnamespace <> 'pg_toast'::regnamespace and relname <> 'cache' order by 1`,
    );
    const oids = tableDataOids(listing.stdout.toString());
    expect(oids.toSorted((a, b) => a - b)).toEqual(rows.map((row) => Number(row["oid"])));
  });
});

test.skipIf(majors.length < 2)("all majors give the same hashes for the same rows", async () => {
  const perMajor = await Promise.all(
    majors.map(async (major) => {
      const server = await sharedServer(major);
      await loadNastyDatabase(server, "same");
      const hashes = await sqlHashes(server.url("same"));
      // What only some majors have.
      for (const key of [...hashes.keys()]) {
        if (/zoo_14|virtual_columns|^nasty_extension/.test(key)) hashes.delete(key);
      }
      return hashes;
    }),
  );
  for (const hashes of perMajor) expect(hashes).toEqual(perMajor[0]);
});
