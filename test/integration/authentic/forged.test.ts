/** A snapshot that anybody could have sealed to the public recipient: with a signer set, nobody opens or runs it. */
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copySnapshots } from "../../../src/operations/copy-snapshots.ts";
import { restoreApplication } from "../../../src/operations/restore-application.ts";
import { restoreBuckets } from "../../../src/operations/restore-buckets.ts";
import { restoreProjectSettings } from "../../../src/operations/restore-project-settings.ts";
import { restoreSnapshot } from "../../../src/operations/restore-snapshot.ts";
import { rotateKeys } from "../../../src/operations/rotate-keys.ts";
import type { VerifyLevel } from "../../../src/operations/verify-snapshot.ts";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { withSelfHash } from "../../../src/snapshot/self-hash.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { runToEnd } from "../../support/run-to-end.ts";
import { clientBinDir, majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { backUp, connectionTo, newSafe, type Safe, toolsOf, verify } from "../backup/backing-up.ts";
import { drill } from "../drill/drilling.ts";
import { directory } from "../retention/places.ts";
import { newSigningKey } from "../retention/shelter.ts";
import { noting } from "./read-keys.ts";

const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
const marker = "the forged backup was run";
const { key, signer } = newSigningKey();
const trust = { signers: [signer] };
const [major] = await majorsWithClients([15, 17]);

let server: TestServer;
let safe: Safe;
let honest: string;
let forged: string;

const around = () => ({
  clock: systemClock,
  logger: silentLogger,
  zstd: "zstd",
  signal: new AbortController().signal,
  lifeboatVersion: "0.0.0",
  clientTools: toolsOf,
  runHook: () => Promise.resolve(),
});

/** How often SQL of the forged snapshot has run on the server. */
async function runs(): Promise<number> {
  const log = await readFile(join(dirname(server.dataDir), "log"), "utf8");
  return log.split(marker).length - 1;
}

beforeAll(async () => {
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: new Date(0) });
  const made = await newSafe();
  safe = { ...made, recipients: parseRecipients([recipient]), identities: parseIdentities(fileText) };
  await writeFile(join(safe.folder, "key"), fileText);
  await writeFile(join(safe.folder, "signer.pem"), signer);
  server = await startServer(major!);
  await server.createDatabase("app");
  await server.sql("app", "create table t (id int); insert into t values (1)");
  honest = (await backUp(safe, connectionTo(server, "app"), { signingKey: key })).snapshot.id;
  await server.sql(
    "app",
    `create function mark(int) returns bool language plpgsql as $$ begin raise log '${marker}'; return true; end $$;
     alter table t add check (mark(id))`,
  );
  forged = (await backUp(safe, connectionTo(server, "app"))).snapshot.id;
}, 120_000);

afterAll(async () => {
  await server.stop();
  await safe[Symbol.asyncDispose]();
});

test.each(["stored", "unsealed", "restored"] as const)(
  "verify at %s says `failed signature`, opens nothing and runs nothing",
  { timeout: 120_000 },
  async (level: VerifyLevel) => {
    const before = await runs();
    const store = noting(safe.store);
    const request = { level, signer, server: connectionTo(server, "postgres") };
    const report = await verify({ ...safe, store }, forged, request);
    expect(report.verdict).toBe("failed");
    expect(report.components.map(({ component, verdict }) => `${verdict} ${component}`)).toEqual([
      "failed signature",
    ]);
    expect(store.sealedRead()).toEqual([]);
    expect(await runs()).toBe(before);
    // The signed one passes all the same.
    expect((await verify(safe, honest, request)).components[0]).toMatchObject({ verdict: "passed" });
  },
);

test("without a signer it is run, and that is said aloud", { timeout: 120_000 }, async () => {
  const before = await runs();
  const told = async (level: VerifyLevel) =>
    (
      await verify(safe, forged, { level, server: connectionTo(server, "postgres"), trustContents: true })
    ).findings.map(({ code }) => code);
  expect(await told("unsealed")).not.toContain("contents-trusted");
  expect(await runs()).toBe(before);
  expect(await told("restored")).toContain("contents-trusted");
  expect(await runs()).toBeGreaterThan(before);
  const { sources } = await drill("restoration", safe, {
    server: connectionTo(server, "postgres"),
    trustContents: true,
  });
  expect(sources[0]?.examined.findings.map(({ code }) => code)).toContain("contents-trusted");
});

test.each(["restoration", "disaster"] as const)(
  "a %s drill takes the newest signed one",
  { timeout: 120_000 },
  async (kind) => {
    const before = await runs();
    const store = noting(safe.store);
    const request = { signer, trust, ofAgeMs: 0, server: connectionTo(server, "postgres") };
    const { sources } = await drill(kind, { ...safe, store }, request);
    expect(sources.map(({ examined }) => examined.snapshot.id)).toEqual([honest]);
    expect(sources[0]?.examined.findings.map(({ code }) => code)).not.toContain("contents-trusted");
    expect(store.sealedRead().filter((one) => one.includes(forged))).toEqual([]);
    expect(await runs()).toBe(before);
  },
);

/** What a store's writer can put beside it: a snapshot of a format that nobody here can read. */
async function withUnreadableNeighbour(work: () => Promise<void>): Promise<void> {
  const id = newSnapshotId(new Date(Date.now() + 60_000));
  const draft = await safe.store.begin({ source: "database", id });
  await draft.commit(Buffer.from(withSelfHash({ formatVersion: 999, id, source: "database" })));
  try {
    await work();
  } finally {
    for (const { key: file } of await safe.store.files(`snapshots/database/${id}/`)) {
      await safe.store.delete(file);
    }
  }
}

test.each(["as it is", "beside a snapshot of a newer format"])(
  "no restore opens it, %s",
  { timeout: 120_000 },
  async (where) => {
    const store = noting(safe.store);
    const { identities } = safe;
    const common = { source: "database", choice: { kind: "id", id: forged }, identities, trust } as const;
    const more = { confirm: undefined, dryRun: true, planHash: undefined };
    const target = connectionTo(server, "restored");
    const surroundings = { ...around(), store };
    const restores: Readonly<Record<string, () => Promise<unknown>>> = {
      database: () =>
        restoreSnapshot(
          {
            ...{ ...common, ...more, hooks: {} },
            request: {
              target,
              mode: { kind: "new-database" },
              jobs: 1,
              acceptNotVerified: false,
              missingExtensions: "refuse",
            },
          },
          surroundings,
        ),
      storage: () =>
        restoreBuckets(
          {
            ...{ ...common, ...more, filter: objectFilter({}), jobs: 1 },
            target: { kind: "directory", path: join(safe.folder, "files"), replace: false },
          },
          surroundings,
        ),
      application: () =>
        restoreApplication({ ...common, ...more, folder: join(safe.folder, "application") }, surroundings),
      project: () => restoreProjectSettings({ ...common, ...more, api: undefined as never }, surroundings),
    };
    const refuse = async (code: string): Promise<void> => {
      for (const [kind, restore] of Object.entries(restores)) {
        await expect(restore(), kind).rejects.toMatchObject({ code, exitCode: 3 });
      }
    };
    if (where === "as it is") await refuse("history-broken");
    else await withUnreadableNeighbour(() => refuse("history-broken"));
    expect(store.sealedRead()).toEqual([]);
  },
);

test("it is neither copied nor rotated, and both say so", { timeout: 120_000 }, async () => {
  await using place = await directory();
  const store = noting(safe.store);
  const request = { from: store, to: [{ store: place.store, mostDays: 90 }], source: "database" };
  const copied = await copySnapshots({ ...request, choice: { kind: "all" }, dryRun: false, trust }, around());
  expect(copied.stores[0]).toMatchObject({ copied: [honest] });
  expect(copied.findings.map(({ code }) => code)).toContain("signature-missing");
  await expect(
    copySnapshots({ ...request, choice: { kind: "id", id: forged }, dryRun: false, trust }, around()),
  ).rejects.toMatchObject({ code: "signature-missing" });
  const { identities, recipients } = safe;
  const rotation = { source: "database", identities, recipients, indexRecipients: [], jobs: 1, trust };
  const rotated = await rotateKeys({ ...rotation, dryRun: true }, { ...around(), store });
  expect(rotated).toMatchObject({ snapshots: 1, error: { code: "rotation-incomplete" } });
  expect(rotated.findings.map(({ code }) => code)).toContain("signature-missing");
  expect(store.sealedRead().filter((one) => one.includes(forged))).toEqual([]);
});

test("the commands take `--signer` and end with exit code 3", { timeout: 120_000 }, async () => {
  const store = pathToFileURL(join(safe.folder, "store")).href;
  const out = join(safe.folder, "schema.sql");
  const named = ["--source", "database", "--snapshot", forged, "--signer", signer];
  const withKey = [...named, "--store", store, "--identity-file", join(safe.folder, "key")];
  const bin = (await clientBinDir(major!)) ?? "";
  const restored = `env:TARGET_URL`;
  const copies = pathToFileURL(join(safe.folder, "copies")).href;
  for (const command of [
    ["verify", "--level", "restored", ...withKey, "--postgres-bin", bin],
    ["show", ...withKey],
    ["show", ...named, "--store", store],
    ["export", "schema", "--out", out, ...withKey, "--postgres-bin", bin],
    ["restore", "database", "--target-url", restored, ...withKey, "--postgres-bin", bin],
    ["copy", "--from", store, "--to", copies, ...named],
  ]) {
    const { code, output } = await runToEnd([cli, ...command], { TARGET_URL: server.url("restored") });
    expect(code, `${command.join(" ")}: ${output}`).toBe(3);
  }
  const { output } = await runToEnd([cli, "verify", "--level", "restored", ...withKey]);
  expect(output).toMatch(/failed\s+signature/);
});
