/** Drills of buckets, and whether a database and the backup of its buckets fit together. */
import { chmod } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { majorsWithClients } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { backUpDatabase } from "../../../src/operations/back-up-database.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { connectionTo, toolsOf } from "../backup/backing-up.ts";
import { type BucketSafe, newBucketSafe } from "../buckets/safe.ts";
import { forge } from "../buckets/forge.ts";
import { drill, troubles } from "./drilling.ts";

const [major] = await majorsWithClients([15, 17]);
let safe: BucketSafe | undefined;
afterEach(async () => await safe?.[Symbol.asyncDispose]());

async function filledSafe(): Promise<BucketSafe> {
  safe = await newBucketSafe();
  // A drill's server runs as another user where the tests run as root.
  await chmod(safe.folder, 0o711);
  await safe.server.addBucket("photos");
  for (const name of ["a.png", "b.png", "c.png"]) {
    await safe.server.addObject("photos", { name, size: 1000, contentType: "image/png" });
  }
  return safe;
}
const storage = { name: "storage", kind: "storage" } as const;

test("an object whose bytes are another's fails a restoration drill", async () => {
  const own = await filledSafe();
  const honest = await own.backUp();
  const sound = await drill("restoration", own, { sources: [storage] });
  expect([sound.verdict, ...troubles(sound)]).toEqual(["passed"]);

  await forge(own, honest, ([first, second, ...others]) => [
    { ...first!, offset: second!.offset, length: second!.length, skip: second!.skip },
    ...others,
  ]);
  const report = await drill("disaster", own, { sources: [storage] });
  expect(report.verdict).toBe("failed");
  expect(troubles(report)).toContainEqual(
    expect.stringMatching(
      /^objects: object-differs: The object "photos\/a\.png" \(1000 bytes, pack .*\) is not in its pack as the index says\.$/,
    ),
  );
});

const rows = `
  create schema storage;
  create table storage.objects (bucket_id text, name text, metadata jsonb, created_at timestamptz, updated_at timestamptz);
  insert into storage.objects
    select 'photos', name || '.png', '{"size": 1000}', '2026-01-01Z', '2026-01-01Z' from unnest('{a,b,c}'::text[]) name`;

test.skipIf(major === undefined).each<[string, string, string[]]>([
  ["fit", "", []],
  [
    "do not fit where a row has no bytes",
    `insert into storage.objects values ('photos', 'd.png', '{"size": 1}', '2026-01-01Z', '2026-01-01Z')`,
    [
      'objects-and-rows: object-bytes-missing: The object "photos/d.png" stands in the database, but not in the older backup of its bucket.',
    ],
  ],
  [
    "do not fit where a row tells another size",
    `update storage.objects set metadata = '{"size": 7}' where name = 'b.png'`,
    [
      'objects-and-rows: object-row-differs: The object "photos/b.png" has 7 bytes by its row and 1000 in the buckets\' backup.',
    ],
  ],
  [
    "fit where a row is younger than the buckets' backup",
    "insert into storage.objects values ('photos', 'e.png', '{}', now() + interval '1 hour')",
    [],
  ],
])("a database and the backup of its buckets %s", async (_, change, expected) => {
  const own = await filledSafe();
  await own.backUp();
  const server = await sharedServer(major!);
  const name = `project_${Math.random().toString(36).slice(2)}`;
  await server.createDatabase(name);
  await server.sql(name, `${rows}; ${change}`);
  await backUpDatabase(
    {
      ...{ connection: connectionTo(server, name), source: "database", tiers: ["daily"] },
      ...{ recipients: own.recipients, signingKey: undefined, jobs: 1, cores: 1, hashes: true },
    },
    {
      ...{
        store: own.store,
        clock: systemClock,
        logger: silentLogger,
        lifeboatVersion: "0.0.0",
        zstd: "zstd",
      },
      ...{ signal: new AbortController().signal, clientTools: toolsOf },
    },
  );
  const database = { name: "database", kind: "database" } as const;
  const report = await drill("disaster", own, { sources: [{ ...storage, listedIn: "database" }, database] });
  expect(troubles(report)).toEqual(expected);
  expect(report.verdict).toBe(expected.length === 0 ? "passed" : "failed");
  expect(report.sources.map(({ source }) => source.name)).toEqual(["database", "storage"]);
  const [keys, between, moments] = report.between;
  expect([keys?.component, between?.component, moments?.component]).toEqual([
    "keys",
    "objects-and-rows",
    "moments",
  ]);
  expect(between?.checked).toBeGreaterThanOrEqual(3);
  for (const { publicSentence } of report.between.flatMap(({ findings }) => findings)) {
    expect(publicSentence).not.toContain("png");
  }
});
