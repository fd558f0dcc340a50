/** Functions in languages that reach out of the database are not run in a check, and said so, unless the contents are trusted. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { sharedServer } from "../../support/shared-server.ts";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  type Safe,
  verifyThrownAway,
} from "../backup/backing-up.ts";

const major = 15;
let safe: Safe;
let snapshot: SnapshotJson;

beforeAll(async () => {
  safe = await newSafe();
  const server = await sharedServer(major);
  await server.createDatabase("languages");
  await server.sql(
    "languages",
    `create function folded(text) returns text language internal immutable strict as 'lower';
     create table people (name text check (folded(name) <> 'nobody'));
     create index on people (folded(name));
     insert into people values ('Ada'), ('Grace')`,
  );
  ({ snapshot } = await backUp(safe, connectionTo(server, "languages")));
});
afterAll(() => safe[Symbol.asyncDispose]());

test("they and what needs them are left out, which is not verified and can be waived by the language's name", async () => {
  const report = await verifyThrownAway(safe, snapshot.id, {});
  expect(report.verdict).toBe("not-verified");
  expect(complaints(report).join("\n")).toContain("Language internal");
  const waived = await verifyThrownAway(safe, snapshot.id, { waive: ["language:internal"] });
  expect(complaints(waived)).toEqual([]);
  expect(waived.verdict).toBe("passed");
});

test("where the contents are trusted they run", async () => {
  const report = await verifyThrownAway(safe, snapshot.id, { trustContents: true });
  expect(complaints(report)).toEqual([]);
  expect(report.verdict).toBe("passed");
});
