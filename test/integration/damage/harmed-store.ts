/** A store with every kind of file that Lifeboat writes, made by the code that makes real ones, and ways to harm it. */
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { endOfLedger } from "../../../src/ledger/end.ts";
import { type Ledger, storeLedger } from "../../../src/ledger/ledger.ts";
import { holdSnapshot, unfreeze } from "../../../src/operations/hold-snapshot.ts";
import { rotateKeys } from "../../../src/operations/rotate-keys.ts";
import { verifySnapshot } from "../../../src/operations/verify-snapshot.ts";
import type { Trust } from "../../../src/operations/vouched-documents.ts";
import { aboutStore, witnessedDocument, witnessing } from "../../../src/operations/witness-documents.ts";
import type { Retention } from "../../../src/policy/policy.ts";
import type { SigningKey } from "../../../src/snapshot/signature.ts";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { drillKey, holdKey } from "../../../src/snapshot/keys.ts";
import { writeSignedDocument } from "../../../src/snapshot/signed-document.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type BucketSafe, newBucketSafe } from "../buckets/safe.ts";
import { by, clockAt, dayMs, newSigningKey, prune, type TestClock } from "../retention/shelter.ts";

export const source = "storage";
export const retention: Retention = { tiers: { daily: 4 * dayMs }, keepAtLeast: 2 };

export interface HarmedStore extends AsyncDisposable {
  readonly safe: BucketSafe;
  readonly path: string;
  readonly clock: TestClock;
  readonly key: SigningKey;
  readonly signer: string;
  readonly kinds: ReadonlyMap<string, readonly string[]>;
  /** The newest snapshot that needs a pack, by the pack's id. */
  readonly packUsers: ReadonlyMap<string, string>;
  /** Records of the ledger that some snapshot has seen, itself or by those that follow it. */
  readonly witnessed: ReadonlySet<string>;
  trust(store: Store): Trust & { readonly ledger: Ledger };
  /** The whole store somewhere else, as a restored or moved one is. */
  copy(): Promise<{ readonly path: string; readonly store: Store }>;
}

export async function makeStore(): Promise<HarmedStore> {
  const safe = await newBucketSafe();
  const { key, signer } = newSigningKey();
  const clock = clockAt(new Date(Date.now() - 15 * dayMs));
  const path = join(safe.folder, "store");
  const opened = (folder: string) => directoryStore({ path: folder, clock, logger: silentLogger });
  const trust = (store: Store) => ({
    signers: [signer],
    ledger: storeLedger(store, clock, { signingKey: key, signers: [signer] }),
  });
  const { store } = safe;
  const { ledger } = trust(store);
  const later = (hours: number): void => void (clock.at = new Date(clock.at.getTime() + hours * 3_600_000));
  const said = { source, because: "audit", by, trust: trust(store), signingKey: key };
  const means = { store, clock };
  const record = async (act: string, more: object = {}): Promise<void> => {
    const time = clock.now().toISOString();
    const about = await aboutStore(store, ledger);
    await ledger.append({ act, source, ...about, heads: [], witnessed: [], by, time, ...more });
  };
  await safe.server.addBucket("files");
  const made: SnapshotJson[] = [];
  let witnessed: ReadonlySet<string> = new Set();
  for (let day = 0; day < 12; day += 1) {
    later(23);
    // On odd days nothing is added that stays: those packs are needed by one snapshot only.
    for (const name of day % 2 === 0 ? [`day/${day}`, "changing"] : ["changing"]) {
      await safe.server.addObject("files", { name, size: 3000 + day, contentType: "text/plain" });
    }
    witnessed = new Set((await filesIn(path)).filter((file) => file.startsWith("ledger/")));
    const seenLedger = await endOfLedger(ledger, silentLogger);
    const { snapshot } = await safe.backUp({ signingKey: key, seenLedger }, { clock });
    made.push(snapshot);
    const { id, sha256, tiers } = snapshot;
    await record("storage-backup", { snapshot: id, heads: [{ id, sha256, tiers }] });
    later(1);
    const level = day === 2 ? "restored" : day % 2 === 0 ? "unsealed" : "stored";
    await age(path, clock.at);
    if (day !== 4) await verifyIn(store, { safe, clock, key, signer, ledger }, level, id);
    if (day === 6) {
      const { written = [] } = await prune(store, clock, { ...pruning(key), trust: trust(store) });
      if (written.length > 0) await record("freeze", witnessing(written));
      await unfreeze(said, means);
    }
    if (day === 7) await holdSnapshot("hold", made[3]!.id, said, means);
    if (day === 8) await holdSnapshot("hold", made[4]!.id, said, means);
    if (day === 9) await holdSnapshot("release", made[4]!.id, said, means);
  }
  const moment = clock.now();
  const freeze = {
    holdVersion: 1,
    act: "freeze",
    source,
    because: "looked odd",
    by,
    time: moment.toISOString(),
  };
  const frozen = writeSignedDocument(freeze, key);
  const kept = await store.put(holdKey(source, moment, randomBytes(4).toString("hex")), frozen);
  await record("freeze", witnessing([witnessedDocument(kept, frozen)]));
  later(1);
  await unfreeze(said, means);
  later(1);
  const drill = writeSignedDocument(drillOf(made.at(-2)!, clock.now()), key);
  const drilled = await store.put(
    drillKey(source, made.at(-2)!.id, clock.now(), randomBytes(4).toString("hex")),
    drill,
  );
  await record("drill", { snapshot: made.at(-2)!.id, ...witnessing([witnessedDocument(drilled, drill)]) });
  const next = await generateIdentity({ postQuantum: false, created: new Date(0) });
  await rotateKeys(
    {
      source,
      identities: safe.identities,
      recipients: parseRecipients([next.recipient]),
      indexRecipients: [],
      dryRun: false,
      jobs: 4,
    },
    {
      store,
      clock,
      logger: silentLogger,
      lifeboatVersion: "0.0.0",
      signal: new AbortController().signal,
    },
  );
  await age(path, clock.at);
  // Packs of what went first are marked; half of the patience later they are still there.
  await prune(store, clock, {
    ...pruning(key),
    retention: { ...retention, tiers: { daily: 5 * dayMs } },
    trust: trust(store),
  });
  await age(path, clock.at);
  later(49);
  const packUsers = new Map<string, string>();
  const left = new Set((await store.snapshots(source)).snapshots.map(({ id }) => id));
  for (const { id, packs } of made.filter((one) => left.has(one.id))) {
    for (const pack of packs) packUsers.set(pack.id, id);
  }
  const kinds = await kindsIn(path, packUsers);
  return {
    ...{ safe, path, clock, key, signer, kinds, packUsers, witnessed, trust },
    copy: async () => {
      const folder = await mkdtemp(join(tmpdir(), "lifeboat-harmed-"));
      await cp(path, folder, { recursive: true, preserveTimestamps: true });
      return { path: folder, store: opened(folder) };
    },
    [Symbol.asyncDispose]: () => safe[Symbol.asyncDispose](),
  };
}

export function pruning(key: SigningKey) {
  return { source, retention, signingKey: key };
}

export async function verifyIn(
  store: Store,
  {
    safe,
    clock,
    key,
    signer,
    ledger,
  }: Pick<HarmedStore, "safe" | "clock" | "key" | "signer"> & { readonly ledger: Ledger },
  level: "stored" | "unsealed" | "restored",
  id: string,
) {
  const none = () => Promise.reject(new Error("buckets need no PostgreSQL"));
  return await verifySnapshot(
    {
      source,
      choice: { kind: "id", id },
      level,
      identities: safe.identities,
      waive: [],
      signer,
      signingKey: key,
      ledger,
      by,
      server: undefined,
      jobs: 2,
    },
    {
      store,
      clock,
      logger: silentLogger,
      zstd: "zstd",
      signal: new AbortController().signal,
      lifeboatVersion: "0.0.0",
      temporaryFolder: safe.folder,
      clientTools: none,
      serverPrograms: none,
      extensionPackages: none,
    },
  );
}

/** The smallest evidence of a drill. */
function drillOf({ id, sha256, source: of }: SnapshotJson, moment: Date) {
  const time = moment.toISOString();
  return {
    evidenceVersion: 1,
    act: "drill",
    drill: { id, kind: "restoration", verdict: "passed", seconds: 1 },
    source: of,
    kind: "storage",
    snapshot: id,
    snapshotSha256: sha256,
    level: "restored",
    verdict: "passed",
    moment: time,
    ageSeconds: 1,
    components: [],
    between: [],
    recoveryTime: { phases: {}, seconds: 1 },
    recoveryPoint: { windows: [] },
    findings: [],
    deviations: [],
    tools: {},
    by,
    started: time,
    time,
    seconds: 1,
    report: "passed",
  };
}

/** What was stored since then was stored at that moment: the file system knows only today. */
async function age(folder: string, at: Date): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    const { mtime } = await stat(join(folder, name));
    if (mtime > at) await utimes(join(folder, name), at, at);
  }
}

export async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** Paths of a store by what they are. */
async function kindsIn(
  folder: string,
  packUsers: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const kinds = new Map<string, string[]>();
  for (const path of await filesIn(folder)) {
    const kind = await kindOf(folder, path);
    // A pack that nobody needs any more is nobody's to look at.
    const isKept = packUsers.has(packIn(path)) || [...packUsers.values()].includes(packIn(path));
    if ((kind === "pack" || kind === "rewrap") && !isKept) continue;
    if (kind !== undefined) kinds.set(kind, [...(kinds.get(kind) ?? []), path]);
  }
  return kinds;
}

export function packIn(path: string): string {
  return path.split("/")[2]?.split(".")[0] ?? "";
}

async function kindOf(folder: string, path: string): Promise<string | undefined> {
  const [family] = path.split("/");
  if (family === "snapshots") return path.split("/").at(-1)?.replace(".zst.age", "");
  if (family === "packs") return path.endsWith(".json") ? "pack mark" : "pack";
  if (family === "evidence") return path.endsWith(".drill.json") ? "drill" : "evidence";
  if (family === "holds") {
    return (JSON.parse(await readFile(join(folder, path), "utf8")) as { act: string }).act;
  }
  return { rewraps: "rewrap", tombstones: "tombstone", ledger: "ledger record", store: "store id" }[
    family ?? ""
  ];
}

export type Harm = "flip" | "cut" | "empty" | "gone" | "longer" | "swapped";

/** Undefined where the harm cannot be done: nothing to swap with. */
export async function harm(
  folder: string,
  path: string,
  how: Harm,
  others: readonly string[],
  random: () => number,
): Promise<string | undefined> {
  const file = join(folder, path);
  const bytes = await readFile(file);
  const at = Math.floor(random() * bytes.length);
  switch (how) {
    case "flip": {
      const bit = Math.floor(random() * 8);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      await writeFile(file, bytes);
      return `bit ${bit} of byte ${at}`;
    }
    case "cut":
      await writeFile(file, bytes.subarray(0, at));
      return `to ${at} bytes`;
    case "empty":
      await writeFile(file, "");
      return "";
    case "gone":
      await rm(file);
      return "";
    case "longer":
      await writeFile(file, Buffer.concat([bytes, Buffer.from(random() < 0.5 ? "\n" : "{}")]));
      return "";
    case "swapped": {
      const candidates = others.filter((other) => other !== path);
      const other = candidates[Math.floor(random() * candidates.length)];
      if (other === undefined) return undefined;
      const theirs = await readFile(join(folder, other));
      if (theirs.equals(bytes)) return undefined;
      await writeFile(file, theirs);
      await writeFile(join(folder, other), bytes);
      return `with ${other}`;
    }
  }
}

/** Mulberry32: the same store is harmed in the same ways wherever a failure is looked into. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export async function emptyFolder(parent: string): Promise<string> {
  const folder = join(parent, `to-${randomBytes(4).toString("hex")}`);
  await mkdir(folder);
  return folder;
}
