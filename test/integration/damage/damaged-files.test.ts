/** Every way in which stored files can be other than what was written: each is found, and named. */
import { cp, mkdir, open, readdir, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkStored } from "../../../src/operations/check-stored.ts";
import { locateSnapshot } from "../../../src/operations/locate-snapshot.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { snapshotJsonName } from "../../../src/snapshot/keys.ts";
import { withSelfHash } from "../../../src/snapshot/self-hash.ts";
import {
  readSnapshotJson,
  type SnapshotJson,
  writeSnapshotJson,
} from "../../../src/snapshot/snapshot-json.ts";
import { readContents, writeContents } from "../../../src/snapshot/contents.ts";
import { readSealedContents } from "../../../src/operations/sealed-files.ts";
import { majorsWithClients } from "../../support/servers.ts";
import { makeReference, type Reference, source, whileChanged } from "./reference.ts";

const [major] = await majorsWithClients([15, 17]);
const everyByte = process.env["LIFEBOAT_TRIAL"] !== undefined;
const flipsInParts = 2400;
const ageChunkBytes = 64 * 1024 + 16;

/** Wide rows stay in their table's own file, so that it is large enough for a part of its own: two age chunks. */
const rows = `
  create table big (id int primary key, note text);
  insert into big select i, md5(i::text) || repeat('x', 1800) from generate_series(1, 5000) i;
  create table second (id int primary key, note text);
  insert into second select i, repeat('y', 1900) from generate_series(1, 5000) i;
  create table small (id int primary key);
  insert into small select generate_series(1, 100);
  analyze`;

describe.skipIf(major === undefined)("a stored snapshot", () => {
  let reference: Reference;
  let older: string;
  let newest: string;
  let files: readonly string[];

  beforeAll(async () => {
    reference = await makeReference(major!, rows, 2);
    [older = "", newest = ""] = reference.ids;
    files = (await readdir(reference.at(newest))).filter((name) => name !== snapshotJsonName);
    expect(files.length).toBe(6);
    await cp(join(reference.folder, "snapshots"), join(reference.folder, "untouched"), { recursive: true });
  });
  beforeEach(async () => {
    const snapshots = join(reference.folder, "snapshots");
    await rm(snapshots, { recursive: true, force: true });
    await cp(join(reference.folder, "untouched"), snapshots, { recursive: true });
  });
  afterAll(async () => await reference[Symbol.asyncDispose]());

  const path = (name: string, id = newest): string => join(reference.at(id), name);

  /** What `stored` says about the newest snapshot: the codes and the sentences of its findings. */
  async function found(): Promise<string> {
    const { snapshot } = await locateSnapshot(reference.store, source, { kind: "latest" }, new Date());
    return await complaints(snapshot);
  }

  async function complaints(snapshot: SnapshotJson): Promise<string> {
    const { verdict, findings } = await checkStored(reference.store, snapshot);
    expect(verdict).toBe(findings.length === 0 ? "passed" : "failed");
    return findings.map(({ sentence }) => sentence).join("\n");
  }

  /** The commit point itself is bad: refused by name, and the newest whole one is named, never taken. */
  async function expectRefused(why: RegExp, whole: string | undefined = older): Promise<void> {
    const located = locateSnapshot(reference.store, source, { kind: "latest" }, new Date());
    await expect(located).rejects.toMatchObject({
      code: "snapshot-damaged",
      exitCode: 3,
      message: expect.stringMatching(why) as string,
      hint: expect.stringContaining(whole) as string,
    });
  }

  async function expectCommandsFail(code: number, ...words: readonly string[]): Promise<void> {
    for (const act of [
      ["verify", "--level", "stored"],
      ["restore", "database", "--target-url", "env:TARGET_URL"],
    ]) {
      const { code: ended, output } = await reference.command(...act);
      expect(ended, `${act.join(" ")}: ${output}`).toBe(code);
      for (const word of words) expect(output, act.join(" ")).toContain(word);
    }
    const { length } = await reference.server.sql(
      "postgres",
      "select from pg_database where datname = 'restored'",
    );
    expect(length).toBe(0);
  }

  test("as it was written is found good", async () => {
    expect(await found()).toBe("");
    expect((await reference.verify("unsealed")).verdict).toBe("passed");
    expect((await reference.command("verify", "--level", "stored")).code).toBe(0);
  });

  test("with any byte of snapshot.json changed is refused, and the newest whole one named", async () => {
    const bytes = await readFile(path(snapshotJsonName));
    const file = await open(path(snapshotJsonName), "r+");
    for (let at = 0; at < bytes.length; at += 1) {
      await file.write(Buffer.of(bytes[at]! ^ (1 << (at % 8))), 0, 1, at);
      await expectRefused(/^snapshot\.json of /);
      await file.write(bytes, at, 1, at);
    }
    await file.close();
    console.log(`${bytes.length} bytes of snapshot.json changed, one by one`);
    await whileChanged(path(snapshotJsonName), flip(100), () =>
      expectCommandsFail(3, `snapshot.json of ${newest}`, `newest whole one is ${older}`),
    );
  });

  test("with any byte of a sealed file changed is bad, and the file named", async () => {
    const { snapshot } = await locateSnapshot(reference.store, source, { kind: "latest" }, new Date());
    const lengths = await Promise.all(files.map(async (name) => (await stat(path(name))).size));
    const total = lengths.reduce((sum, length) => sum + length);
    let flips = 0;
    for (const [index, name] of files.entries()) {
      const bytes = await readFile(path(name));
      const step = everyByte ? 1 : Math.max(1, Math.floor(total / flipsInParts));
      const file = await open(path(name), "r+");
      // Small files whole: their headers and the ends of their payloads are where formats hide slack.
      const own = (lengths[index] ?? 0) < 600 ? 1 : step;
      for (let at = 0; at < bytes.length; at += own, flips += 1) {
        await file.write(Buffer.of(bytes[at]! ^ (1 << ((at + index) % 8))), 0, 1, at);
        expect(await complaints(snapshot)).toMatch(new RegExp(`^${name} of ${newest} has a? ?changed`));
        await file.write(bytes, at, 1, at);
      }
      await file.close();
    }
    expect(flips).toBeGreaterThanOrEqual(2000);
    console.log(`${flips} of ${total} bytes of ${files.length} sealed files changed, one by one`);
    await whileChanged(path("data-1.zst.age"), flip(70_000), async () => {
      await expectCommandsFail(3, "data-1.zst.age");
      const { output } = await reference.command("restore", "database", "--target-url", "env:TARGET_URL");
      expect(output).toContain(`newest whole one is ${older}`);
    });
  }, 1_800_000);

  test("cut anywhere, or with bytes added, is bad, and the file named", async () => {
    let cuts = 0;
    for (const name of files) {
      const { length } = await readFile(path(name));
      const borders = Array.from(
        { length: Math.ceil(length / ageChunkBytes) },
        (_, chunk) => chunk * ageChunkBytes,
      );
      const ends = [
        0,
        1,
        100,
        200,
        216,
        length - 17,
        length - 16,
        length - 1,
        ...borders.flatMap((at) => [at - 1, at, at + 1]),
      ];
      for (const end of new Set(ends.filter((at) => at >= 0 && at < length))) {
        await whileChanged(
          path(name),
          (bytes) => bytes.subarray(0, end),
          async () => {
            expect(await found()).toBe(`${name} of ${newest} has ${end} bytes instead of ${length}.`);
          },
        );
        cuts += 1;
      }
      for (const more of [1, 16, ageChunkBytes]) {
        await whileChanged(
          path(name),
          (bytes) => Buffer.concat([bytes, Buffer.alloc(more)]),
          async () => {
            expect(await found()).toBe(
              `${name} of ${newest} is longer than the ${length} bytes that were written.`,
            );
          },
        );
      }
    }
    console.log(`${cuts} cuts in ${files.length} files`);
    await whileChanged(
      path("rest.zst.age"),
      (bytes) => bytes.subarray(0, -1),
      () => expectCommandsFail(3, "rest.zst.age"),
    );
  });

  test("with snapshot.json cut anywhere, or longer, is refused", async () => {
    const { length } = await readFile(path(snapshotJsonName));
    for (let end = 0; end < length; end += everyByte ? 1 : 7) {
      await whileChanged(
        path(snapshotJsonName),
        (bytes) => bytes.subarray(0, end),
        () => expectRefused(/^snapshot\.json of /),
      );
    }
    for (const more of ["\n", " ", "}\n", "\0".repeat(5000)]) {
      await whileChanged(
        path(snapshotJsonName),
        (bytes) => Buffer.concat([bytes, Buffer.from(more)]),
        () => expectRefused(/^snapshot\.json of /),
      );
    }
  });

  test("without one of its files is bad, and the file named", async () => {
    for (const name of files) {
      const bytes = await readFile(path(name));
      await unlink(path(name));
      expect(await found()).toContain(name);
      if (name === "schema.zst.age") await expectCommandsFail(3, name);
      await writeFile(path(name), bytes);
    }
  });

  test("without snapshot.json is refused, not passed over", async () => {
    await unlink(path(snapshotJsonName));
    await expectRefused(/^snapshot\.json of .* is missing/);
    await expectCommandsFail(3, `snapshot.json of ${newest} is missing`, `newest whole one is ${older}`);
    const { output } = await reference.command("list");
    expect(output).toContain(`Snapshot ${newest} has no snapshot.json`);
  });

  test("with two files swapped, its own or another snapshot's, is bad, and both named", async () => {
    let swaps = 0;
    for (const [index, name] of files.entries()) {
      for (const other of files.slice(index + 1)) {
        await swap(path(name), path(other));
        const said = await found();
        expect(said).toContain(`${name} of `);
        expect(said).toContain(`${other} of `);
        await swap(path(name), path(other));
        swaps += 1;
      }
      await swap(path(name), path(name, older));
      expect(await found()).toContain(`${name} of ${newest}`);
      const earlier = await locateSnapshot(reference.store, source, { kind: "id", id: older }, new Date());
      expect(await complaints(earlier.snapshot)).toContain(`${name} of ${older}`);
      if (index === 0) await expectCommandsFail(3, name);
      await swap(path(name), path(name, older));
      swaps += 1;
    }
    console.log(`${swaps} swaps`);
    expect(await found()).toBe("");
  });

  test("under another one's name is refused", async () => {
    await swap(path(snapshotJsonName), path(snapshotJsonName, older));
    await expectRefused(
      new RegExp(`snapshot\\.json of ${newest} belongs to snapshot ${older}`),
      "no other whole",
    );
    await swap(path(snapshotJsonName), path(snapshotJsonName, older));

    await swap(reference.at(newest), reference.at(older));
    await expectRefused(new RegExp(`belongs to snapshot ${older}.*files were swapped`), "no other whole");
    await swap(reference.at(newest), reference.at(older));

    const later = newSnapshotId(new Date(Date.now() + 60_000));
    await rename(reference.at(older), reference.at(later));
    await expectRefused(new RegExp(`snapshot\\.json of ${later} belongs to snapshot ${older}`), newest);
    await expectCommandsFail(3, later, `newest whole one is ${newest}`);
  });

  test("of another source is refused", async () => {
    const elsewhere = join(reference.folder, "snapshots/other");
    await mkdir(elsewhere);
    await rename(reference.at(newest), join(elsewhere, newest));
    await expect(
      locateSnapshot(reference.store, "other", { kind: "latest" }, new Date()),
    ).rejects.toMatchObject({
      code: "snapshot-damaged",
      message: expect.stringContaining('of source "database"') as string,
    });
  });

  test.each(["extra.zst.age", ".hidden", "data-1.zst.age.old", "folder/extra.zst.age"])(
    "with %s added is bad, and the file named",
    async (name) => {
      if (name.includes("/")) await mkdir(path("folder"));
      await writeFile(path(name), "anything");
      expect(await found()).toContain(name);
      await expect(reference.command("verify", "--level", "stored")).resolves.toMatchObject({
        code: 3,
        output: expect.stringContaining(name) as string,
      });
    },
  );

  test("of a newer format cannot be checked, which is exit code 4 and no damage", async () => {
    const newer = changedDocument((document) => ({ ...document, formatVersion: 2, tiers: "all of them" }));
    await whileChanged(path(snapshotJsonName), newer, async () => {
      await expect(
        locateSnapshot(reference.store, source, { kind: "latest" }, new Date()),
      ).rejects.toMatchObject({
        code: "snapshot-too-new",
        exitCode: 4,
      });
      await expectCommandsFail(4, newest, "format version 2");
    });
  });

  test("keeps fields that it does not know, in snapshot.json and in the contents", async () => {
    const strange = changedDocument(({ files: listed, ...document }) => ({
      ...document,
      files: (listed as SnapshotJson["files"]).map((file) => ({ ...file, colour: "red" })),
      weather: { wind: [1, 2] },
    }));
    await whileChanged(path(snapshotJsonName), strange, async () => {
      expect((await reference.verify("unsealed")).verdict).toBe("passed");
      const stored = await readFile(path(snapshotJsonName));
      const { sha256, ...read } = readSnapshotJson(stored, { source, id: newest });
      expect(stored.toString()).toContain(sha256);
      expect(documentOf(writeSnapshotJson(read))).toEqual(documentOf(stored));
    });
    const { snapshot } = await locateSnapshot(reference.store, source, { kind: "latest" }, new Date());
    const contents = await readSealedContents(reference.store, snapshot, reference.identities);
    const document = {
      ...contents,
      weather: "fine",
      database: { ...contents.database!, mood: { good: true } },
    };
    expect(readContents(writeContents(document), { source, id: newest })).toEqual(document);
  });

  function changedDocument(change: (document: Record<string, unknown>) => object): (bytes: Buffer) => Buffer {
    return (bytes) => {
      return Buffer.from(withSelfHash(change(documentOf(bytes))));
    };
  }
});

/** Without its hash, which depends on the order of fields. */
function documentOf(bytes: Uint8Array): Record<string, unknown> {
  const document = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  delete document["sha256"];
  return document;
}

function flip(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
}

async function swap(one: string, other: string): Promise<void> {
  await rename(one, `${one}.swapping`);
  await rename(other, one);
  await rename(`${one}.swapping`, other);
}
