/** Five hundred snapshots get new keys; the rotation is killed half-way; everything opens, by us and by stock age. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkRewraps } from "../../../src/operations/check-rewraps.ts";
import { checkStored } from "../../../src/operations/check-stored.ts";
import { fileNamed, unsealFile } from "../../../src/operations/sealed-files.ts";
import { decompressFrames } from "../../../src/seal/node-zstd.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { contentsName, rewrapKey } from "../../../src/snapshot/keys.ts";
import { readRewrap, writeRewrap } from "../../../src/snapshot/rewrap-json.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { openSmallSnapshot, storeSmallSnapshot } from "../../support/small-snapshots.ts";
import { runToEnd } from "../../support/run-to-end.ts";
import { collect, failureCode } from "../../unit/seal/streams.ts";
import { followKeysPage, type Key, newKey, rotate } from "./rotating.ts";

const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
const missing = ["age", "zstd", "jq"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
if (missing.length > 0)
  console.warn(`SKIPPED: ${missing.join(", ")} not installed: docs/keys.md is not followed.`);
const count = 500;

let root: string;
let store: Store;
let [old, offline, fresh]: Key[] = [];
const snapshots: SnapshotJson[] = [];
let before: ReadonlyMap<string, string>;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "lifeboat-rotate-"));
  store = directoryStore({ path: root, clock: systemClock, logger: silentLogger });
  [old, offline, fresh] = [await newKey(), await newKey(), await newKey()];
  const recipients = parseRecipients([old.recipient, offline.recipient]);
  const start = Date.UTC(2026, 0, 1);
  for (let number = 0; number < count; number += 1) {
    snapshots.push(
      await storeSmallSnapshot(store, { moment: new Date(start + number * 3600_000), recipients }),
    );
  }
  before = sums("snapshots");
});
afterAll(() => rm(root, { recursive: true }));

function sums(below: string): ReadonlyMap<string, string> {
  const { stdout } = spawnSync("bash", ["-c", `find ${below} -type f | sort | xargs sha256sum`], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return new Map(
    stdout
      .trim()
      .split("\n")
      .map((line) => [line.slice(66), line.slice(0, 64)] as const),
  );
}

const command = (): string[] => [
  cli,
  "rotate-keys",
  "--store",
  `file://${root}`,
  "--identity-file",
  old!.file,
  "--recipient",
  fresh!.recipient,
  "--recipient",
  offline!.recipient,
  "--json",
];

async function rewrapped(): Promise<number> {
  return (await readdir(join(root, "rewraps/database")).catch(() => [])).length;
}

describe("rotating the keys of 500 snapshots", () => {
  it("only says what it would do in a dry run", async () => {
    const { code, output } = await runToEnd([...command(), "--dry-run"]);
    expect(code, output).toBe(0);
    expect(output).toContain(`"rewrapped": ${count * 2}`);
    expect(await rewrapped()).toBe(0);
  });

  it("is killed half-way, and whoever has either key goes on reading", async () => {
    const child = spawn(process.execPath, command(), { stdio: "ignore", env: { PATH: process.env["PATH"] } });
    while ((await rewrapped()) < count / 3) await sleep(5);
    child.kill("SIGKILL");
    await once(child, "exit");
    const done = await rewrapped();
    expect(done).toBeGreaterThanOrEqual(count / 3);
    expect(done).toBeLessThan(count);
    for (const snapshot of snapshots.slice(0, 20)) await openSmallSnapshot(store, snapshot, old!.identities);
    await openSmallSnapshot(store, snapshots.at(-1)!, fresh!.identities);
    expect(await failureCode(openSmallSnapshot(store, snapshots[0]!, fresh!.identities))).toBe(
      "identity-does-not-open",
    );
  });

  it("goes on where it stopped, and a third run has nothing to do", async () => {
    const done = await rewrapped();
    const second = await runToEnd(command());
    expect(second.code, second.output).toBe(0);
    const [, skipped] = /"skipped": (\d+)/.exec(second.output) ?? [];
    expect(Number(skipped)).toBeGreaterThanOrEqual((done - 4) * 2);
    expect(await rewrapped()).toBe(count);
    const third = await runToEnd(command());
    expect(third.output).toContain(`"rewrapped": 0,\n  "skipped": ${count * 2}`);
  });

  it("leaves every stored byte as it was", () => {
    expect(sums("snapshots")).toEqual(before);
  });

  it("lets all of them be opened with the new key by us", async () => {
    for (const snapshot of snapshots) {
      await openSmallSnapshot(store, snapshot, fresh!.identities);
      await collect(unsealFile(store, snapshot, fileNamed(snapshot, "rest.zst.age"), fresh!.identities));
    }
    for (const snapshot of snapshots.slice(0, 20)) await openSmallSnapshot(store, snapshot, old!.identities);
  });

  it.skipIf(missing.length > 0)("lets them be opened as docs/keys.md says", async () => {
    for (const at of [0, 250, count - 1]) {
      const snapshot = snapshots[at]!;
      const file = "rest.zst.age";
      const values = { STORE: root, SOURCE: "database", ID: snapshot.id, FILE: file, IDENTITY: fresh!.file };
      const { code, output, opened } = followKeysPage(values);
      expect(code, output).toBe(0);
      expect(output.match(/^-: OK$/gm)).toHaveLength(2);
      const ours = await collect(unsealFile(store, snapshot, fileNamed(snapshot, file), old!.identities));
      expect(opened.equals(decompressFrames(ours, 1000))).toBe(true);
    }
    const { code } = followKeysPage({
      STORE: root,
      SOURCE: "database",
      ID: snapshots[0]!.id,
      FILE: contentsName,
      IDENTITY: (await newKey()).file,
    });
    expect(code).not.toBe(0);
  });

  it.skipIf(missing.length > 0)("lets every single file be opened by the stock age", () => {
    for (const { id, files } of snapshots) {
      const key = rewrapKey("database", id, 1);
      const rewrap = readRewrap(readFileSync(join(root, key)), { source: "database", id, key });
      for (const { name, header } of files) {
        const stored = readFileSync(join(root, "snapshots/database", id, name));
        const newHeader = rewrap.files.find((file) => file.name === name)!.header.base64;
        const input = Buffer.concat([Buffer.from(newHeader, "base64"), stored.subarray(header.length)]);
        const { status, stderr } = spawnSync("age", ["-d", "-i", fresh!.file], { input });
        expect(status, stderr.toString()).toBe(0);
      }
    }
  });
});

describe("a rewrap that was changed", () => {
  async function change(id: string, bytes: Uint8Array): Promise<void> {
    await rm(join(root, rewrapKey("database", id, 1)), { force: true });
    writeFileSync(join(root, rewrapKey("database", id, 1)), bytes);
  }

  it("is named, and does not come between a snapshot and the key that it was sealed for", async () => {
    const { id } = snapshots[3]!;
    const bytes = readFileSync(join(root, rewrapKey("database", id, 1)));
    for (const at of [40, Math.floor(bytes.length / 2), bytes.length - 10]) {
      const copy = Buffer.from(bytes);
      copy[at] = copy[at]! ^ 1;
      await change(id, copy);
      const { verdict, findings } = await checkRewraps(store, snapshots[3]!, undefined);
      expect(verdict).toBe("failed");
      expect(findings.map(({ code, sentence }) => [code, sentence.includes(id)])).toEqual([
        ["rewrap-damaged", true],
      ]);
      expect((await checkStored(store, snapshots[3]!)).verdict).toBe("passed");
      await openSmallSnapshot(store, snapshots[3]!, old!.identities);
    }
    // Run again, the rotation puts a sound one beside the bad one.
    const report = await rotate(store, old!, parseRecipients([fresh!.recipient, offline!.recipient]));
    expect(report).toMatchObject({ rewrapped: 2, failed: 0 });
    await openSmallSnapshot(store, snapshots[3]!, fresh!.identities);
  });

  it("is found although its own hash is right, if it leads to other bytes or another key", async () => {
    const [one, other] = [snapshots[5]!, snapshots[6]!];
    const read = (id: string) => {
      const key = rewrapKey("database", id, 1);
      return readRewrap(readFileSync(join(root, key)), { source: "database", id, key });
    };
    const theirs = read(other.id);
    // Another snapshot's headers under this one's name.
    await change(one.id, writeRewrap({ ...theirs, id: one.id }));
    expect((await checkRewraps(store, one, undefined)).findings).toHaveLength(2);
    // Bound to the right payloads, but with other files' keys, as a forger could make them for a public key.
    const forged = theirs.files.map((file) => ({ ...file, payload: fileNamed(one, file.name).payload }));
    await change(one.id, writeRewrap({ ...theirs, id: one.id, files: forged }));
    expect((await checkRewraps(store, one, undefined)).findings).toEqual([]);
    expect((await checkRewraps(store, one, old!.identities)).findings).toHaveLength(2);
    expect((await checkRewraps(store, one, fresh!.identities)).findings).toHaveLength(2);
    await openSmallSnapshot(store, one, old!.identities);
    expect(await failureCode(openSmallSnapshot(store, one, fresh!.identities))).toBe(
      "identity-does-not-open",
    );
    // The rotation does not believe what the forgery claims.
    const report = await rotate(store, old!, parseRecipients([fresh!.recipient, offline!.recipient]));
    expect(report).toMatchObject({ rewrapped: 2, failed: 0 });
    await openSmallSnapshot(store, one, fresh!.identities);
  });
});
