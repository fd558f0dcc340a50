/** One snapshot into one or several stores: packs, what belongs to it, its parts, and snapshot.json last. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { packKey, rewrapOfKey, snapshotPrefix } from "../snapshot/keys.ts";
import { readRewrap } from "../snapshot/rewrap-json.ts";
import type { SharedPack, SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Draft, Store } from "../store/store.ts";
import type { Finding } from "../verification/findings.ts";
import type { CopyTarget } from "./copy-target.ts";
import { fanOut } from "./fan-out.ts";
import { readSealedFile, readSealedPack, wholeOf } from "./sealed-files.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";

export interface SnapshotToCopy {
  readonly snapshot: SnapshotJson;
  /** snapshot.json as stored: what is committed is byte for byte this. */
  readonly bytes: Uint8Array;
  /** Keys of the evidence and rewraps that belong to it or to its packs. */
  readonly smallFiles: readonly string[];
}

export interface CopyMeans {
  readonly from: Store;
  readonly now: Date;
  readonly findings: Finding[];
  /** By key: small files that are damaged in the source, and were named. */
  readonly damaged: Map<string, LifeboatError>;
}

/** Reading failed: nothing is known about the stores that were written to. */
export class SourceFailure extends Error {
  readonly error: LifeboatError;
  constructor(cause: unknown) {
    super("The snapshot could not be read.", { cause });
    this.error = asLifeboatError(cause);
  }
}

/** Throws `SourceFailure`; what a target does wrong is noted there and stops only its own copy. */
export async function copyOne(
  copy: SnapshotToCopy,
  targets: readonly CopyTarget[],
  means: CopyMeans,
): Promise<void> {
  await copyPacks(copy.snapshot, targets, means);
  await copySmallFiles(copy, targets, means);
  const { snapshot, bytes } = copy;
  const drafts = new Map<CopyTarget, Draft>();
  await each(targets, async (target) => {
    const lifetime = target.lifetimeOf(snapshot, means.now);
    drafts.set(target, await target.store.begin({ source: snapshot.source, id: snapshot.id, lifetime }));
  });
  try {
    for (const file of snapshot.files) {
      await streamTo(readSealedFile(means.from, snapshot, file), targets, async (target, part) => {
        await drafts.get(target)?.put(file.name, part);
      });
    }
  } catch (thrown) {
    // What cannot be read will not be committed, so nobody goes on with it.
    for (const draft of drafts.values()) await draft.abandon();
    throw thrown;
  }
  for (const [{ failure }, draft] of drafts) {
    if (failure !== undefined && draft.canBeResumed !== true) await draft.abandon();
  }
  await each(targets, async (target) => {
    await drafts.get(target)?.commit(bytes);
    target.copied.push(snapshot.id);
    try {
      await proveWhole(target.store, snapshot);
      await provePacks(target, snapshot);
    } catch (thrown) {
      // It is there; only the proof was broken off where the run was asked to stop.
      if (!asLifeboatError(thrown).code.startsWith("run-")) target.copied.pop();
      throw thrown;
    }
    target.copiedBytes += lengthOf(snapshot.files);
  });
}

/** Packs that a target lacks are copied; those that are there are locked as long as this snapshot, which is new there. */
async function copyPacks(
  snapshot: SnapshotJson,
  targets: readonly CopyTarget[],
  { from, now, findings }: CopyMeans,
): Promise<void> {
  for (const pack of snapshot.packs) {
    const key = packKey(snapshot.source, pack.id);
    const lacking = targets.filter((target) => !target.hasPack(pack.id, lengthOf([pack])));
    await each(targets, async (target) => {
      // Whoever marked it knew no snapshot that uses it; from now on there is one.
      const mark = target.markOf(pack.id);
      if (mark !== undefined) await target.store.delete(mark);
      if (lacking.includes(target)) return;
      const { retentionDays, tiers } = target.lifetimeOf(snapshot, now);
      const until = new Date(now.getTime() + retentionDays * 86_400_000);
      await target.store.extendLock?.(key, until, tiers);
      const expiry = target.packExpiry(pack.id);
      if (expiry !== undefined && expiry < until) findings.push(expiresEarly(target, snapshot, pack));
    });
    await streamTo(readSealedPack(from, snapshot.source, pack), lacking, async (target, bytes) => {
      await target.store.putStream(key, bytes, target.lifetimeOf(snapshot, now));
      target.addPack(pack.id);
      target.copiedBytes += lengthOf([pack]);
    });
  }
}

/** Packs that have gone from a target which has the snapshot come back. */
export async function mendPacks(
  { snapshot }: SnapshotToCopy,
  targets: readonly CopyTarget[],
  means: CopyMeans,
): Promise<void> {
  const isBad = (target: CopyTarget): boolean =>
    snapshot.packs.some(
      (pack) => !target.hasPack(pack.id, lengthOf([pack])) || target.markOf(pack.id) !== undefined,
    );
  await copyPacks(snapshot, targets.filter(isBad), means);
}

/** Evidence and rewraps that a target lacks. A damaged rewrap is named and left where it is. */
export async function copySmallFiles(
  { snapshot, smallFiles }: SnapshotToCopy,
  targets: readonly CopyTarget[],
  { from, now, findings, damaged }: CopyMeans,
): Promise<void> {
  for (const key of smallFiles.filter((one) => !damaged.has(one))) {
    const lacking = targets.filter((target) => target.failure === undefined && !target.hasSmallFile(key));
    if (lacking.length === 0) continue;
    const bytes = await reading(
      async () => await wholeOf(await from.read(key), { document: key, maxBytes: sizeLimits.rewrap }),
    );
    const rewrap = rewrapOfKey(key);
    try {
      if (rewrap !== undefined) readRewrap(bytes, { ...rewrap, key });
    } catch (cause) {
      const error = asLifeboatError(cause);
      const { code, message, hint } = error;
      damaged.set(key, error);
      findings.push({ level: "error", code, sentence: message, publicSentence: message, remedy: hint });
      continue;
    }
    await each(lacking, async (target) => {
      await target.store.put(key, bytes, target.lifetimeOf(snapshot, now));
      target.addSmallFile(key);
    });
  }
}

async function streamTo(
  bytes: AsyncIterable<Uint8Array>,
  targets: readonly CopyTarget[],
  write: (target: CopyTarget, bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const working = targets.filter(({ failure }) => failure === undefined);
  if (working.length === 0) return;
  let failed: { readonly cause: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* bytes;
    } catch (cause) {
      failed = { cause };
      throw cause;
    }
  }
  const branches = fanOut(watched(), working.length);
  await Promise.all(
    working.map(async (target, index) => {
      const branch = branches[index];
      if (branch === undefined) return;
      try {
        await write(target, branch);
      } catch (cause) {
        if (failed === undefined) target.failure = asLifeboatError(cause);
      } finally {
        await branch.close();
      }
    }),
  );
  if (failed !== undefined) throw new SourceFailure((failed as { cause: unknown }).cause);
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new SourceFailure(cause);
  }
}

/** The same work at every target that still works; a failure is its own. */
async function each(
  targets: readonly CopyTarget[],
  work: (target: CopyTarget) => Promise<void>,
): Promise<void> {
  const working = targets.filter(({ failure }) => failure === undefined);
  await Promise.all(
    working.map(async (target) => {
      await work(target).catch((cause: unknown) => {
        target.failure = asLifeboatError(cause);
      });
    }),
  );
}

/** Another process may have swept a part between its storing and the commit: visible must mean whole. */
async function proveWhole(store: Store, snapshot: SnapshotJson): Promise<void> {
  const prefix = snapshotPrefix(snapshot.source, snapshot.id);
  const there = new Map(
    (await store.files(prefix)).map(({ key, length }) => [key.slice(prefix.length), length]),
  );
  const wrong = snapshot.files.filter((file) => there.get(file.name) !== lengthOf([file]));
  if (wrong.length === 0) return;
  throw new LifeboatError(
    "store-write-unproven",
    `Of the copied snapshot ${snapshot.id} ${wrong.map(({ name }) => name).join(", ")} cannot be seen in ${store.address}.`,
  );
}

async function provePacks(target: CopyTarget, snapshot: SnapshotJson): Promise<void> {
  if (snapshot.packs.length === 0) return;
  await target.proveUsable(
    snapshot.source,
    snapshot.packs.map(({ id }) => id),
  );
}

function lengthOf(files: readonly Pick<SharedPack, "header" | "payload">[]): number {
  return files.reduce((sum, { header, payload }) => sum + header.length + payload.length, 0);
}

function expiresEarly(target: CopyTarget, snapshot: SnapshotJson, pack: SharedPack): Finding {
  const sentence = `Pack ${pack.id} goes from ${target.store.address} before snapshot ${snapshot.id}, which needs it.`;
  const remedy =
    "Artifacts cannot be kept longer than they were uploaded for: copy to an S3 store or a folder.";
  return { level: "warning", code: "copy-pack-expires", sentence, publicSentence: sentence, remedy };
}
