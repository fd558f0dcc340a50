/** Backups by machines whose clock is wrong, really wrong (libfaketime): what is latest, and what prune removes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { generateIdentity } from "../../../src/seal/identities.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import type { Finding } from "../../../src/verification/findings.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { credentials, s3ServerProgram, startS3Server } from "../../support/s3-server.ts";
import { clientBinDir, majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { storeSmallSnapshot } from "../../support/small-snapshots.ts";

const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
const [major] = await majorsWithClients([15, 17]);
const hasFaketime = await runs("faketime", ["-f", "+1d", "true"]);
if (!hasFaketime) console.warn("faketime is not installed: wrong clocks were not tested.");
const s3Program = await s3ServerProgram();
const wrongClocks = ["+730d", "-730d", "+3d", "-3d", "+3650d", "+10m", "-10m"];
const cases = process.env["LIFEBOAT_TRIAL"]
  ? wrongClocks.flatMap((shift) => [[shift, "database"] as const, [shift, "application"] as const])
  : ([
      ["+730d", "database"],
      ["-3d", "application"],
    ] as const);

interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly document: {
    readonly snapshot: SnapshotJson;
    readonly findings: readonly Finding[];
    readonly snapshots: readonly { readonly id: string }[];
  };
}

let folder: string;
let server: TestServer;
let key: string;
let recipient: string;
let binDir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-clocks-"));
  const identity = await generateIdentity({ postQuantum: false, created: new Date(0) });
  ({ recipient } = identity);
  key = join(folder, "key");
  await writeFile(key, identity.fileText);
  server = await startServer(major!);
  binDir = (await clientBinDir(major!)) ?? "";
}, 120_000);

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function runs(program: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(program, [...args], { stdio: "ignore" });
  const [code] = (await once(child, "close").catch(() => [1])) as [number | null];
  return code === 0;
}

/** `lifeboat` on a machine whose clock is off by `shift`. */
async function lifeboat(shift: string | undefined, args: readonly string[]): Promise<Ran> {
  const command = [process.execPath, cli, ...args, "--json"];
  const [program = "", ...rest] = shift === undefined ? command : ["faketime", "-f", shift, ...command];
  const child = spawn(program, rest, {
    env: {
      PATH: process.env["PATH"] ?? "",
      DATABASE_URL: server.url("shop"),
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const document = stdout.trim().startsWith("{") ? (JSON.parse(stdout) as Ran["document"]) : undefined;
  return { code: child.exitCode, output: stdout + stderr, document: document as Ran["document"] };
}

interface Place {
  readonly name: string;
  readonly open: () => Promise<{ readonly address: string; readonly close: () => Promise<void> }>;
}

const places: readonly Place[] = [
  {
    name: "a directory",
    open: async () => {
      const path = await mkdtemp(join(folder, "store-"));
      return { address: `file://${path}`, close: () => Promise.resolve() };
    },
  },
  ...(s3Program === undefined
    ? []
    : [
        {
          name: "S3",
          open: async () => {
            const s3 = await startS3Server(s3Program);
            const name = await s3.bucket("plain");
            return { address: `s3://${name}/b?endpoint=${s3.endpoint}`, close: () => s3.close() };
          },
        },
      ]),
];

function kinds(): Record<"database" | "application", readonly string[]> {
  return {
    database: ["--database-url", "env:DATABASE_URL", "--postgres-bin", binDir],
    application: ["--bundle", "false", "--paths", join(folder, "files")],
  };
}

describe.skipIf(!hasFaketime || major === undefined).each(places)("with $name", (where) => {
  test.each(cases)(
    "a backup at %s of a %s is dated right, and the next one is the latest",
    { timeout: 120_000 },
    async (shift, kind) => {
      const place = await where.open();
      onTestFinished(() => place.close());
      const store = ["--store", place.address, "--source", "shop"];
      await server.sql("postgres", "drop database if exists shop");
      await server.createDatabase("shop");
      await server.sql("shop", "create table t as select generate_series(1, 500) as n");
      await mkdir(join(folder, "files"), { recursive: true });
      await writeFile(join(folder, "files", "one"), "one");
      const backUp = [...["backup", kind], ...store, "--recipient", recipient, ...kinds()[kind]];

      const wrong = await lifeboat(shift, backUp);
      expect(wrong).toMatchObject({ code: 0 });
      const { snapshot, findings } = wrong.document;
      expect(findings.map(({ code }) => code)).toContain("clock-differs");
      expect(wrong.output).toMatch(/The clocks differ by more than two minutes: this machine says \d{4}-/);
      expect(Math.abs(Date.parse(snapshot.times.snapshot) - Date.now())).toBeLessThan(120_000);
      expect(Math.abs(Date.parse(snapshot.times.finished) - Date.now())).toBeLessThan(120_000);
      expect(snapshot.id.slice(0, 8)).toBe(new Date().toISOString().slice(0, 10).replaceAll("-", ""));

      const right = await lifeboat(undefined, backUp);
      expect(right).toMatchObject({ code: 0 });
      expect(right.document.findings.map(({ code }) => code)).not.toContain("clock-differs");
      const shown = await lifeboat(undefined, ["show", ...store]);
      expect(shown.document.snapshot.id).toBe(right.document.snapshot.id);
      const seen = await lifeboat(shift, ["verify", ...store, "--level", "stored", "--snapshot", "latest"]);
      expect(seen.document.snapshot.id).toBe(right.document.snapshot.id);
    },
  );
});

describe.skipIf(!hasFaketime || major === undefined)(
  "snapshots that older versions dated by a wrong clock",
  () => {
    const dayMs = 86_400_000;

    test.each([730, 3])(
      "%i days ahead: named everywhere, never the latest",
      { timeout: 120_000 },
      async (days) => {
        const path = await mkdtemp(join(folder, "old-"));
        const store = directoryStore({ path, clock: systemClock, logger: silentLogger });
        const recipients = parseRecipients([recipient]);
        const day = async (ago: number, heads: readonly string[] = []): Promise<SnapshotJson> =>
          await storeSmallSnapshot(store, { moment: new Date(Date.now() - ago * dayMs), recipients, heads });
        const honest = await day(0.02);
        const ahead = await day(-days, [honest.id]);
        const from = ["--store", `file://${path}`, "--source", "database"];

        const listed = await lifeboat(undefined, ["list", ...from]);
        expect(listed.document.snapshots.map(({ id }) => id)).toEqual([ahead.id, honest.id]);
        expect(listed.output).toMatch(new RegExp(`${ahead.id}.* claims .*, a moment that had not come`));
        const latest = await lifeboat(undefined, ["verify", ...from, "--level", "stored"]);
        expect(latest.document.snapshot.id).toBe(honest.id);
        expect(latest.document.findings.map(({ code }) => code)).toContain("snapshot-from-the-future");
        const named = await lifeboat(undefined, ["show", ...from, "--snapshot", ahead.id]);
        expect(named.document.snapshot.id).toBe(ahead.id);
      },
    );
  },
);

describe.skipIf(!hasFaketime || major === undefined)("prune", () => {
  test.each(["+730d", "+40d", "-730d", "-3d"])(
    "at %s removes nothing",
    { timeout: 120_000 },
    async (shift) => {
      const path = await mkdtemp(join(folder, "prune-"));
      const store = directoryStore({ path, clock: systemClock, logger: silentLogger });
      const recipients = parseRecipients([recipient]);
      for (const hours of [40, 30, 20, 10, 5, 1]) {
        const moment = new Date(Date.now() - hours * 3_600_000);
        await storeSmallSnapshot(store, { moment, recipients, tiers: ["hourly"] });
      }
      const policy = join(path, "policy.yml");
      await writeFile(
        policy,
        `version: 1\nrecipients: [${recipient}]\nwaive: [second-recipient, signing]\nstores: { near: { type: directory, path: ${path} } }\n` +
          "sources: { database: { type: postgres, url: { secret: DATABASE_URL }, every: 1h } }\nretention: { hourly: 2d, keep-at-least: 1 }\n",
      );
      const before = await readdir(join(path, "snapshots/database"));
      const pruned = await lifeboat(shift, ["prune", "--policy", policy]);
      expect(pruned.output).toMatch(/store-clock-skew|minutes apart/);
      expect(pruned.code).not.toBe(0);
      expect(await readdir(join(path, "snapshots/database"))).toEqual(before);
    },
  );
});
