/** Rotation where nothing can be replaced: a bucket with Object Lock, and GitHub artifacts. Killed, and gone on with. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectRetentionCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkRewraps } from "../../../src/operations/check-rewraps.ts";
import { fileNamed, unsealFile, unsealPack } from "../../../src/operations/sealed-files.ts";
import { Rewraps } from "../../../src/operations/rewraps.ts";
import { CarriedPacks } from "../../../src/operations/shared-packs.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { indexName, packMarkKey, rewrapKey, rewrapsPrefix } from "../../../src/snapshot/keys.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type ArtifactPlace, artifactsIn } from "../../fakes/github/artifact-store.ts";
import { credentials, s3ServerProgram, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { openSmallSnapshot, storeSmallPack, storeSmallSnapshot } from "../../support/small-snapshots.ts";
import { runStep } from "../../support/step.ts";
import { collect, failureCode } from "../../unit/seal/streams.ts";
import { type Key, newKey, rotate } from "./rotating.ts";

const program = await s3ServerProgram();
const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
const action = resolve(import.meta.dirname, "../../support/action-from-source.ts");
const count = 12;

async function fill(store: Store, old: Key, retentionDays: number): Promise<readonly SnapshotJson[]> {
  const snapshots: SnapshotJson[] = [];
  for (let hour = count; hour > 0; hour -= 1) {
    const moment = new Date(Date.now() - hour * 3600_000);
    snapshots.push(await storeSmallSnapshot(store, { moment, recipients: old.recipients, retentionDays }));
  }
  return snapshots;
}

describe.skipIf(program === undefined)("a bucket with Object Lock", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server(program!);
  });
  afterAll(() => server.close());

  it("takes new headers beside locked files, and locks them too", async () => {
    const bucket = await server.bucket("lock");
    const address = `s3://${bucket}/a?endpoint=${encodeURIComponent(server.endpoint)}&region=us-east-1&lock=governance`;
    const env = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    };
    Object.assign(process.env, env);
    const store = openStore(address, { clock: systemClock, logger: silentLogger });
    const [old, fresh] = [await newKey(), await newKey()];
    const snapshots = await fill(store, old, 2562);
    const args = [
      cli,
      "rotate-keys",
      "--store",
      address,
      "--identity-file",
      old.file,
      "--recipient",
      fresh.recipient,
    ];
    const child = spawn(process.execPath, [...args, "--jobs", "1"], {
      stdio: "ignore",
      env: { PATH: process.env["PATH"], ...env },
    });
    const done = async () => (await store.files(rewrapsPrefix("database"))).length;
    while ((await done()) < 3) await sleep(5);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await done()).toBeLessThan(count);
    await openSmallSnapshot(store, snapshots[0]!, old.identities);
    expect(await rotate(store, old, fresh.recipients)).toMatchObject({ failed: 0, findings: [] });
    expect(await done()).toBe(count);
    for (const snapshot of snapshots) {
      await openSmallSnapshot(store, snapshot, fresh.identities);
      expect((await checkRewraps(store, snapshot, fresh.identities)).verdict).toBe("passed");
    }
    const key = `a/${rewrapKey("database", snapshots[0]!.id, 1)}`;
    const { Retention } = await server.client.send(
      new GetObjectRetentionCommand({ Bucket: bucket, Key: key }),
    );
    expect(Retention!.RetainUntilDate!.getTime()).toBeGreaterThan(Date.now() + 2500 * 86_400_000);
  });
});

describe("GitHub artifacts", () => {
  let place: ArtifactPlace;
  let folder: string;
  beforeAll(async () => {
    place = await artifactsIn();
    folder = await mkdtemp(join(tmpdir(), "lifeboat-rotate-step-"));
  });
  afterAll(async () => {
    await place.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("take new headers from a later run, which is killed and run again", async () => {
    const [old, fresh] = [await newKey(), await newKey()];
    const snapshots = await fill(place.open(), old, 30);
    const run = place.github.state.addRun();
    const done = () => place.github.state.finished({}).filter(({ name }) => name.includes(".rewrap.")).length;

    const step = {
      entry: action,
      args: ["rotate-keys"],
      env: { ...place.github.environmentFor(run), GITHUB_API_URL: place.github.apiUrl },
      inputs: {
        identity: readFileSync(old.file, "utf8"),
        recipients: fresh.recipient,
        "github-token": place.github.token,
        source: "database",
        jobs: "1",
      },
    };
    let killed = false;
    const killing = runStep({
      ...step,
      onOutput: (_text, kill) => {
        // The artifact client narrates each upload.
        if (done() >= 3) {
          killed = true;
          kill("SIGKILL");
        }
      },
    });
    const first = await killing;
    expect(killed, first.stdout).toBe(true);
    const half = done();
    expect(half).toBeGreaterThanOrEqual(3);
    expect(half).toBeLessThan(count);
    const second = await runStep(step);
    expect(second.code, second.stdout + second.stderr).toBe(0);
    expect(second.outputs).toMatchObject({ rewrapped: String((count - half) * 2), failed: "0" });
    const reader = place.open(place.github.state.addRun());
    for (const snapshot of snapshots) await openSmallSnapshot(reader, snapshot, fresh.identities);
    for (const snapshot of snapshots.slice(0, 2)) await openSmallSnapshot(reader, snapshot, old.identities);
  });
});

describe("storage snapshots", () => {
  it("have their packs rewrapped once, opened by later snapshots, and copied with their headers", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lifeboat-rotate-packs-"));
    const store = openStore(`file://${folder}`, { clock: systemClock, logger: silentLogger });
    const source = "storage";
    const [old, fresh, oldIndex, newIndex] = [await newKey(), await newKey(), await newKey(), await newKey()];
    const moment = new Date(Date.now() - 3600_000);
    const pack = await storeSmallPack(store, source, old.recipients, moment);
    const small = { source, recipients: old.recipients, packs: [pack], indexIdentities: oldIndex.identities };
    const snapshots = [
      await storeSmallSnapshot(store, { ...small, moment }),
      await storeSmallSnapshot(store, { ...small, moment: new Date() }),
    ];
    const report = await rotate(store, old, parseRecipients([fresh.recipient]), {
      source,
      indexRecipients: [newIndex.recipient],
    });
    expect(report).toMatchObject({ packs: 1, files: 5, rewrapped: 5, failed: 0 });
    expect(await store.files(`${rewrapsPrefix(source)}${pack.id}/`)).toHaveLength(1);
    const open = async (id: string, key: Key, packs = snapshots[1]!): Promise<number> => {
      const rewraps = new Rewraps(store, source);
      return (await collect(unsealPack(store, packs, { ...pack, id }, key.identities, rewraps))).length;
    };
    expect(await open(pack.id, fresh)).toBeGreaterThan(0);
    expect(await failureCode(open(pack.id, newIndex))).toBe("identity-does-not-open");
    for (const snapshot of snapshots) {
      for (const key of [newIndex, fresh, oldIndex, old]) {
        await collect(unsealFile(store, snapshot, fileNamed(snapshot, indexName), key.identities));
      }
    }
    // A pack that a backup copies under another id takes its new headers along.
    await store.put(packMarkKey(source, pack.id), Buffer.from("{}"));
    const carried = await CarriedPacks.open({
      store,
      source,
      logger: silentLogger,
      recorded: [pack],
      neededUntil: undefined,
      packLifetime: undefined,
      newId: () => newSnapshotId(new Date()),
    });
    const copied = await carried.resolve(pack.id);
    expect(copied!.id).not.toBe(pack.id);
    expect(await open(copied!.id, fresh)).toBe(await open(pack.id, old));
    expect(
      await rotate(store, old, parseRecipients([fresh.recipient]), {
        source,
        indexRecipients: [newIndex.recipient],
      }),
    ).toMatchObject({ rewrapped: 0, skipped: 5 });
    await rm(folder, { recursive: true });
  });
});
