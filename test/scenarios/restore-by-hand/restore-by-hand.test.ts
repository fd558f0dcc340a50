import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences, type Fingerprint, fingerprint } from "../../../scripts/demo-comparison.ts";
import { createShop } from "../../../scripts/demo-shop.ts";
import { backUpDatabase } from "../../../src/operations/back-up-database.ts";
import { findClientTools } from "../../../src/postgres/client-tools.ts";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { findZstd } from "../../../src/seal/zstd.ts";
import { snapshotJsonKey } from "../../../src/snapshot/keys.ts";
import { writeEnvelope } from "../../../src/store/artifacts-envelope.ts";
import { partName, slotName, snapshotFamily } from "../../../src/store/artifacts-names.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { runTool } from "../../../src/system/process.ts";
import { clientBinDir, majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { followPage, type PageVariables } from "./page.ts";

const [major] = await majorsWithClients([15]);
const hasAge = await runTool({ program: "age", args: ["--version"] }).then(
  () => true,
  () => false,
);
if (!hasAge) console.warn("SKIPPED: age is not installed, so nobody can restore by hand.");

describe.skipIf(major === undefined || !hasAge)("docs/restore-by-hand.md", () => {
  let folder: string;
  let source: TestServer;
  let before: Fingerprint;
  let snapshot: string;
  let variables: PageVariables;
  let path: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lifeboat-by-hand-"));
    source = await startServer(major!);
    const way = { host: source.socketDir, port: source.port, user: source.superuser };
    await createShop(way, "shop");
    before = await fingerprint({ ...way, database: "shop" });
    snapshot = await backUp(source, folder);
    path = `${(await clientBinDir(major!)) ?? ""}:${process.env["PATH"] ?? ""}`;
    variables = {
      SNAPSHOT: snapshot,
      DOWNLOADS: "",
      IDENTITY: join(folder, "identity.txt"),
      PGHOST: source.socketDir,
      PGPORT: String(source.port),
      PGUSER: source.superuser,
      TARGET: "restored by hand",
      TABLE_SCHEMA: "Back Office",
      TABLE_NAME: "table.with.dots*",
    };
  });

  afterAll(async () => {
    await source.stop();
    await rm(folder, { recursive: true });
  });

  test("restores every row and object on another server, from a directory store", async () => {
    const target = await startServer(major!);
    try {
      const { code, output } = await followPage(
        { ...variables, PGHOST: target.socketDir, PGPORT: String(target.port) },
        { lastSection: 10, path },
      );
      expect(output).toContain("22 tables with 437789 rows are as they were backed up.");
      expect(output).not.toContain("DIFFERENT");
      // Of the one table.
      expect(output).toMatch(/^100$/m);
      expect(code, output).toBe(0);
      const way = { host: target.socketDir, port: target.port, user: target.superuser };
      const restored = { ...way, database: variables.TARGET };
      expect(differences(before, await fingerprint(restored))).toEqual([]);
      // That this comparison sees a difference at all.
      await target.sql(variables.TARGET, "update public.products set name = 'X' where id = 1000");
      expect(differences(before, await fingerprint(restored))).toEqual(["public.products"]);
    } finally {
      await target.stop();
    }
  });

  test("makes the same folder from downloaded artifacts", async () => {
    const downloads = join(folder, "downloads");
    await downloadAsArtifacts(snapshot, downloads);
    const made = join(folder, "made", idOf(snapshot));
    const { code, output } = await followPage(
      { ...variables, SNAPSHOT: made, DOWNLOADS: downloads },
      { lastSection: 3, path },
    );
    expect(code, output).toBe(0);
    const files = await readdir(snapshot);
    expect(await readdir(made)).toEqual(files);
    for (const file of files) {
      const same = (await readFile(join(made, file))).equals(await readFile(join(snapshot, file)));
      expect(same, file).toBe(true);
    }
  });

  test.each([
    ["a changed byte", "rest.zst.age", (bytes: Buffer) => void (bytes[bytes.length >> 1]! ^= 1)],
    ["a changed header", "rest.zst.age", (bytes: Buffer) => void (bytes[100]! ^= 1)],
    ["a changed snapshot.json", "snapshot.json", (bytes: Buffer) => void (bytes[40]! ^= 1)],
  ])("notices %s", async (_, name, damage) => {
    const damaged = await mkdtemp(join(folder, "damaged-"));
    for (const file of await readdir(snapshot)) await copyFile(join(snapshot, file), join(damaged, file));
    const bytes = await readFile(join(damaged, name));
    damage(bytes);
    await writeFile(join(damaged, name), bytes);
    const { code, output } = await followPage({ ...variables, SNAPSHOT: damaged }, { lastSection: 3, path });
    expect(code).not.toBe(0);
    expect(output).toContain(`${name === "snapshot.json" ? "-" : name}: FAILED`);
  });

  test("notices bytes that were added", async () => {
    const damaged = await mkdtemp(join(folder, "damaged-"));
    for (const file of await readdir(snapshot)) await copyFile(join(snapshot, file), join(damaged, file));
    await appendFile(join(damaged, "schema.zst.age"), "x");
    const { code, output } = await followPage({ ...variables, SNAPSHOT: damaged }, { lastSection: 3, path });
    expect(code).not.toBe(0);
    expect(output).toContain("schema.zst.age: FAILED");
  });
});

async function backUp(source: TestServer, folder: string): Promise<string> {
  const store = join(folder, "store");
  await mkdir(store);
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: systemClock.now() });
  await writeFile(join(folder, "identity.txt"), fileText, { mode: 0o600 });
  const logger = { info: () => {}, warning: () => {}, debug: () => {} };
  const tools = await findClientTools(source.major, await clientBinDir(source.major));
  const report = await backUpDatabase(
    {
      connection: {
        host: source.socketDir,
        port: source.port,
        user: source.superuser,
        database: "shop",
        sslMode: "disable",
        sslModeChosen: true,
      },
      source: "database",
      tiers: ["daily"],
      recipients: parseRecipients([recipient]),
      jobs: 2,
      cores: 2,
      hashes: false,
      signingKey: undefined,
    },
    {
      store: openStore(pathToFileURL(store).href, { clock: systemClock, logger }),
      clock: systemClock,
      logger,
      signal: new AbortController().signal,
      lifeboatVersion: "0.0.0",
      zstd: await findZstd(),
      clientTools: () => Promise.resolve(tools!),
    },
  );
  return join(store, "snapshots/database", report.snapshot.id);
}

/** What a person has after downloading a run's artifacts, those of another snapshot among them. */
async function downloadAsArtifacts(snapshot: string, downloads: string): Promise<void> {
  const place = { source: "database", id: idOf(snapshot) };
  const other = "20200101T000000Z-000000000000";
  await mkdir(downloads);
  for (const file of await readdir(snapshot)) {
    if (file !== "snapshot.json")
      await copyFile(join(snapshot, file), join(downloads, partName(place, file)));
  }
  await writeFile(join(downloads, partName({ ...place, id: other }, "rest.zst.age")), "of another snapshot");
  const bytes = await readFile(join(snapshot, "snapshot.json"));
  const earlierKey = snapshotJsonKey("database", other);
  const earlier = { key: earlierKey, bytes: Buffer.from("{}\n"), artifactId: 7, digest: "sha256:0" };
  const commits = [
    writeEnvelope({ key: earlierKey, bytes: earlier.bytes, earlier: [] }),
    writeEnvelope({ key: snapshotJsonKey("database", place.id), bytes, earlier: [earlier] }),
  ];
  for (const [slot, commit] of commits.entries()) {
    await writeFile(join(downloads, slotName(snapshotFamily("database"), slot)), commit);
  }
}

function idOf(snapshot: string): string {
  return snapshot.split("/").at(-1) ?? "";
}
