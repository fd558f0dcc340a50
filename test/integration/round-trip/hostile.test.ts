/** What a backup holds tries to become a superuser in the server that it is checked in: nothing of it does. */
import { mkdtemp, readdir, readFile, rm, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withClient } from "../../../src/postgres/client.ts";
import { type Connection, withDatabase } from "../../../src/postgres/connection.ts";
import { majorsWithClients, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  type Safe,
  verifyThrownAway,
} from "../backup/backing-up.ts";

interface Note {
  readonly place: string;
  readonly role: string;
  readonly won: string;
}

/** Where it ran, in the checks of either server. */
const places = [
  ...["check", "generated", "in_column", "in_default", "in_view", "in_policy", "in_argument", "in_aggregate"],
  ...["in_range", "index_expression", "index_predicate", "unique_index", "matview", "view", "partition_key"],
  ...["security_definer", "statistics", "secured_check"],
];
const placesOfSuperuser = ["superusers_definer", "operator_class", "cast"];

describe.each(await majorsWithClients([15, 17]))("PostgreSQL %i", (major) => {
  let safe: Safe;
  let server: TestServer;
  let folder: string;

  beforeAll(async () => {
    safe = await newSafe();
    server = await sharedServer(major);
    folder = await mkdtemp(join(tmpdir(), "lifeboat-hostile-"));
    await chmod(folder, 0o777);
    await server.sql("postgres", "create role mallory");
    for (const [name, files] of [
      ["by_owner", ["hostile"]],
      ["by_superuser", ["hostile", "hostile-superuser"]],
    ] as const) {
      await server.createDatabase(name, { owner: "mallory" });
      for (const file of files) {
        const sql = (await fixture(file)).replaceAll("MARKER", join(folder, "out"));
        await server.sql(name, file === "hostile" ? `set role mallory; ${sql}` : sql);
      }
    }
  });
  afterAll(async () => {
    await safe[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** What was noted in a check of this backup, and the report. */
  async function notesOf(
    name: string,
    request: { readonly trustContents?: boolean } = {},
  ): Promise<{ notes: readonly Note[]; report: Awaited<ReturnType<typeof verifyThrownAway>> }> {
    const { snapshot } = await backUp(safe, connectionTo(server, name), { source: name.replace("_", "-") });
    let notes: readonly Note[] = [];
    const whileRestored = async (connection: Connection): Promise<void> => {
      notes = await withClient(withDatabase(connection, connection.database), async (sql) => {
        const { rows } = await sql.query<{ role: string; note: string }>(`
          select pg_catalog.pg_get_userbyid(setrole) as role, note
          from pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) setting,
            pg_catalog.regexp_split_to_table(pg_catalog.substr(setting, 18), ';') note
          where setting like 'application_name=%'`);
        return rows.map(({ role, note }) => {
          const [place = "", won = ""] = note.split(":");
          return { place, role, won };
        });
      });
    };
    const report = await verifyThrownAway(safe, snapshot.id, {
      ...request,
      source: name.replace("_", "-"),
      // Notes of two at a time get lost.
      jobs: 1,
      drill: { whileRestored },
      checks: [
        { name: "all of it", sql: "select count(*) from evil.ordinary, evil.view", expect: "25" },
        { name: "equal", sql: "select 'a' operator(evil.=) 'b'", expect: "true" },
      ],
    });
    return { notes, report };
  }

  test.each([
    ["by_owner", places],
    ["by_superuser", [...places, ...placesOfSuperuser]],
  ] as const)("%s: it ran everywhere, never as a superuser, and got nowhere", async (name, expected) => {
    const { notes, report } = await notesOf(name);
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
    expect(notes.filter(({ won }) => won !== "{}")).toEqual([]);
    expect([...new Set(notes.map(({ place }) => place))]).toEqual(expect.arrayContaining([...expected]));
    expect(
      notes
        .map(({ role }) => role)
        .filter((role) => !/^(lifeboat_loader_|lifeboat_check_|mallory|postgres)/.test(role)),
    ).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  test("where the contents are trusted the same code is a superuser's, as these tests would see, and the sandbox holds", async () => {
    const { notes } = await notesOf("by_owner", { trustContents: true });
    const won = new Set(notes.flatMap((note) => note.won.split(/[{},]/)));
    for (const way of ["superuser", '"create role"']) {
      expect([...won]).toContain(way);
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

function fixture(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, `../../support/fixtures/${name}.sql`), "utf8");
}
