/**
 * Databases that nobody thought of. Stock pg_dump and pg_restore are asked first: where what they bring back is what
 * was there, a verify of ours passes and a restore of ours brings back the same.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { join } from "node:path";
import { asLifeboatError } from "../../src/errors.ts";
import { toolPath } from "../../src/postgres/client-tools.ts";
import { libpqEnvironment } from "../../src/postgres/libpq.ts";
import { quoteIdentifier } from "../../src/postgres/identifiers.ts";
import { runTool } from "../../src/system/process.ts";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  type Safe,
  toolsOf,
} from "../integration/backup/backing-up.ts";
import { dumpedSchema } from "../integration/round-trip/dumped-text.ts";
import { majorsWithClients, startServer, type TestServer } from "../support/servers.ts";
import { rowsOf } from "./odd/rows-of.ts";
import { makeOddDatabase, removeRoles } from "./odd/odd-database.ts";
import { roundTrip } from "./round-trip.ts";

const isTrial = process.env["LIFEBOAT_TRIAL"] !== undefined;
const firstSeed = Number(process.env["LIFEBOAT_ODD_SEED"] ?? 1);
const count = Number(process.env["LIFEBOAT_ODD_COUNT"] ?? (isTrial ? 150 : 5));
const steps = 120;

for (const major of await majorsWithClients([15, 17])) {
  describe(`PostgreSQL ${major}`, () => {
    let server: TestServer;
    let safe: Safe;

    beforeAll(async () => {
      server = await startServer(major);
      safe = await newSafe();
    });
    afterAll(async () => {
      await server.stop();
      await safe[Symbol.asyncDispose]();
    });

    const seeds = Array.from({ length: count }, (_, at) => firstSeed + at + (major === 17 ? 1000 : 0));
    test.each(seeds)("seed %i is judged as stock PostgreSQL judges it", async (seed) => {
      const odd = await makeOddDatabase(server, seed, steps);
      try {
        const told = odd.accepted.join(";\n");
        const rows = await rowsOf(server, odd.name);
        const stock = await stockRestored(server, odd.name, rows, join(safe.folder, "stock"));
        for (const setting of odd.settings) await server.sql("postgres", setting);
        if (stock === undefined) {
          // What stock refuses to bring back is backed up all the same.
          await backUp(safe, connectionTo(server, odd.name));
          return;
        }
        const { verified, restored, target } = await roundTrip(safe, server, odd.name);
        await server.sql("postgres", `alter database ${quoteIdentifier(target.database)} reset all`);
        expect(complaints(verified), told).toEqual([]);
        expect(verified.verdict, told).toBe("passed");
        expect(restored.restored?.outcome, told).toBe("restored");
        expect(await dumpedSchema(target, major), told).toBe(stock);
        expect(await rowsOf(server, target.database), told).toEqual(rows);
      } finally {
        await removeRoles(server, odd);
      }
    });
  });
}

/** The schema as stock pg_dump and pg_restore bring it back; undefined where they fail or the rows differ. */
async function stockRestored(
  server: TestServer,
  database: string,
  rows: ReadonlyMap<string, string>,
  archive: string,
): Promise<string | undefined> {
  const copy = `${database} by stock`;
  const target = connectionTo(server, copy);
  const tools = await toolsOf(server.major);
  await server.createDatabase(copy);
  try {
    await runTool({
      program: toolPath(tools, "pg_dump"),
      args: ["--format=custom", "--no-password", `--file=${archive}`],
      env: libpqEnvironment(connectionTo(server, database)),
    });
    await runTool({
      program: toolPath(tools, "pg_restore"),
      args: ["--exit-on-error", "--no-password", "--dbname=", archive],
      env: libpqEnvironment(target),
    });
    const brought = await rowsOf(server, copy);
    const isSame = [...rows].every(([place, told]) => brought.get(place) === told);
    return isSame && brought.size === rows.size ? await dumpedSchema(target, server.major) : undefined;
  } catch (error) {
    if (asLifeboatError(error).code !== "tool-failed") throw error;
    return undefined;
  } finally {
    await server.sql("postgres", `drop database ${quoteIdentifier(copy)} with (force)`);
  }
}
