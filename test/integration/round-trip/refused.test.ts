import { afterAll, beforeAll, expect, test } from "vitest";
import { loadNastyDatabase, nastyPasswords } from "../../support/nasty-database.ts";
import { sharedServer } from "../../support/shared-server.ts";
import type { TestServer } from "../../support/servers.ts";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  restore,
  type Safe,
  verify,
} from "../backup/backing-up.ts";

const owner = { user: "nasty_owner", password: nastyPasswords.nasty_owner };
let safe: Safe;
let server: TestServer;
let id: string;

beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
  await loadNastyDatabase(server, "owned", { superuser: false });
  id = (await backUp(safe, connectionTo(server, "owned", owner))).snapshot.id;
});
afterAll(() => safe[Symbol.asyncDispose]());

// A table goes to its owner before the schema's grants are there: PostgreSQL lets only a superuser do that.
const refusal = /permission denied for schema app\nCommand was: ALTER TABLE app.pets OWNER/;

test("what pg_restore may not do as this role is told in its own words, and leaves no database behind", async () => {
  const target = connectionTo(server, "owned again", owner);
  await expect(
    restore(safe, id, { target, mode: { kind: "new-database" }, isAtomic: true }),
  ).rejects.toMatchObject({
    code: "tool-failed",
    outcome: "unchanged",
    message: "pg_restore ended with exit code 1. The target is unchanged.",
    inside: expect.stringMatching(refusal) as string,
  });
  expect(await server.sql("postgres", "select from pg_database where datname like 'owned _%'")).toEqual([]);
});

test("unless all or nothing is wanted, such owners come once the grants are there", async () => {
  const report = await verify(safe, id, {
    level: "restored",
    server: connectionTo(server, "postgres", owner),
  });
  expect(complaints(report)).toEqual([]);
  expect(report.verdict).toBe("passed");
});
