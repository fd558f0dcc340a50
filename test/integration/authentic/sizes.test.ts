/** Small forgeries that want much memory, and large files that have nothing in them: each is named, none is read on. */
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients, type Recipients } from "../../../src/seal/recipients.ts";
import { sealDocument } from "../../../src/seal/seal.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { contentsName } from "../../../src/snapshot/keys.ts";
import { sizeLimits } from "../../../src/snapshot/size-limits.ts";
import { writeSnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { streamOf } from "../../../src/system/stream-of.ts";
import { runToEnd } from "../../support/run-to-end.ts";
import { storeSmallSnapshot } from "../../support/small-snapshots.ts";
import { directory } from "../retention/places.ts";

const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
// Not getrusage: what it says begins with the memory of the process that started this one.
const telling =
  "data:text/javascript,import {readFileSync} from 'node:fs';process.on('exit',()=>" +
  "console.error('peak '+/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status','utf8'))[1]))";
const mostMebibytes = 400;
const sparseBytes = 3 * 1024 ** 3;

let place: Awaited<ReturnType<typeof directory>>;
let recipients: Recipients;
let identityFile: string;

beforeAll(async () => {
  place = await directory();
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: new Date(0) });
  recipients = parseRecipients([recipient]);
  expect(parseIdentities(fileText)).toBeDefined();
  identityFile = join(`${place.path}.key`);
  await writeFile(identityFile, fileText);
});
afterAll(async () => {
  await place[Symbol.asyncDispose]();
  await rm(identityFile);
});

async function command(...args: readonly string[]) {
  const store = ["--store", pathToFileURL(place.path).href, "--source", "database"];
  const { code, output } = await runToEnd(["--import", telling, cli, ...args, ...store]);
  const peak = Number(/peak (\d+)/.exec(output)?.[1]) / 1024;
  console.log(`${args.slice(0, 3).join(" ")}: exit ${code}, ${Math.round(peak)} MiB`);
  expect(peak, output).toBeLessThan(mostMebibytes);
  return { code, output };
}

/** A snapshot whose contents.json is any bytes, sealed as they should be. */
async function forge(
  contents: (id: string) => Buffer,
): Promise<{ readonly id: string; readonly bytes: number }> {
  const moment = new Date();
  const id = newSnapshotId(moment);
  const draft = await place.store.begin({ source: "database", id });
  const sealed = await sealDocument(contents(id), recipients);
  await draft.put(contentsName, streamOf(sealed.bytes));
  const time = moment.toISOString();
  await draft.commit(
    writeSnapshotJson({
      ...{ id, source: "database", kind: "database", state: "whole", tiers: ["daily"] },
      times: { started: time, snapshot: time, finished: time },
      versions: { lifeboat: "0.0.0" },
      recipients: [...recipients.fingerprints],
      totals: { tables: 1, rows: 1, objects: 0, rawBytes: 1, sealedBytes: 1 },
      ...{ packs: [], heads: [], files: [{ name: contentsName, ...sealed.extents }] },
    }),
  );
  return { id, bytes: sealed.bytes.length };
}

const half = (text: string): Buffer => Buffer.alloc(Math.floor(sizeLimits.contents / 2), text);
const head = (id: string): string => `{"formatVersion":1,"id":"${id}","source":"database",`;

/** The others take minutes; a trial runs them. */
const all = process.env["LIFEBOAT_TRIAL"] !== undefined;

const bombs: readonly (readonly [string, (id: string) => Buffer])[] = [
  ["600 MiB of zeros", () => Buffer.alloc(600 * 1024 ** 2)],
  ["spaces up to the limit", () => Buffer.alloc(sizeLimits.contents, " ")],
  ["nothing but empty lists", () => half("[],")],
  ["nothing but brackets", () => half("[")],
  [
    "a million files without fields",
    (id) => Buffer.from(`${head(id)}"files":[${"{},".repeat(1_000_000)}{}]}`),
  ],
  [
    "a million columns that are no names",
    (id) =>
      Buffer.from(`${head(id)}"files":[],"database":{"tables":[{"columns":[${"1,".repeat(2_000_000)}1]}]}}`),
  ],
  [
    "two million references to nothing in a field of the future",
    (id) => Buffer.from(`${head(id)}"files":[],"new":[${"{},".repeat(2_000_000)}{}]}`),
  ],
];

test.each(all ? bombs : bombs.filter((_, index) => index === 0 || index === 4))(
  "contents of %s",
  { timeout: 120_000 },
  async (_, contents) => {
    const { id, bytes } = await forge(contents);
    expect(bytes).toBeLessThan(200 * 1024);
    const key = ["--identity-file", identityFile, "--snapshot", id];
    const { code, output } = await command("verify", "--level", "unsealed", ...key);
    expect(code, output).toBe(3);
    expect(output).not.toContain("unexpected");
    await place.store.delete(`snapshots/database/${id}/snapshot.json`);
    await rm(join(place.path, "snapshots/database", id), { recursive: true });
  },
);

test("sparse files of 3 GB in every place that is read", { timeout: 240_000 }, async () => {
  const { id } = await storeSmallSnapshot(place.store, { moment: new Date(), recipients });
  const other = newSnapshotId(new Date(Date.now() - 86_400_000));
  const year = new Date().getUTCFullYear();
  const verify = ["verify", "--level", "stored", "--snapshot", id];
  const places: readonly (readonly [string, readonly string[], number])[] = [
    [`evidence/database/${id}/20260101T000000Z-00000000.json`, verify, 3],
    [`holds/database/20260101T000000Z-00000000.json`, verify, 3],
    [`rewraps/database/${id}/1.json`, verify, 3],
    [`snapshots/database/${other}/snapshot.json`, [...verify], 0],
    [`snapshots/database/${other}/snapshot.json`, ["verify", "--level", "stored", "--snapshot", other], 3],
    [`ledger/${year}/20260101T000000Z-${"0".repeat(16)}.json`, [...verify, "--ledger", "store"], 3],
  ];
  for (const [key, args, code] of all ? places : places.slice(0, 1)) {
    const path = join(place.path, key);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, "wx");
    await file.truncate(sparseBytes);
    await file.close();
    const ended = await command(...args);
    expect(ended.code, `${key}: ${ended.output}`).toBe(code);
    // What is too large is damaged for whoever reads all documents of its kind: named, and never believed.
    if (code === 3) {
      const said = key.includes(other) ? other : /the largest that is read|is damaged: /;
      expect(ended.output).toMatch(said);
    }
    await rm(path);
    await rm(dirname(path), { recursive: true });
  }
});
