/** What a rotation has to look at: every sealed file of every snapshot, and each pack once, whoever shares it. */
import { asLifeboatError } from "../errors.ts";
import { remainingDays } from "../retention/lifetime.ts";
import { indexName } from "../snapshot/keys.ts";
import { readSnapshotJson, type SharedPack, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { Finding } from "../verification/findings.ts";
import type { RecordedFile, RewrapPlace } from "./rewraps.ts";
import { recordedFile, recordedPack } from "./sealed-files.ts";
import type { Trust } from "./vouched-documents.ts";
import { signatureMissing, snapshotVoucher } from "./vouched-snapshot.ts";

/** One rewrap's worth: all files of a snapshot, or one pack. */
export interface RotationUnit {
  readonly kind: "snapshot" | "pack";
  readonly id: string;
  readonly files: readonly RotatedFile[];
  /** Days from now that its rewrap is needed. */
  readonly days: number;
  /** When the store removes the unit by itself. */
  readonly expires: boolean;
}

export interface RotatedFile extends RecordedFile, RewrapPlace {
  readonly isIndex: boolean;
  /** Fingerprints that its own header was made for, as far as snapshot.json tells. */
  readonly sealedFor: readonly string[];
  /** Whether `sealedFor` is all there is to know: not of packs, and not of indexes, which the index key opens too. */
  readonly isCertain: boolean;
}

export interface RotationPlan {
  readonly units: readonly RotationUnit[];
  readonly snapshots: number;
  readonly findings: readonly Finding[];
}

/** Newest first: should the work be interrupted, what is most likely to be needed has its new headers. */
export async function planRotation(
  store: Store,
  {
    source,
    retentionDays,
    trust = { signers: [] },
  }: { readonly source: string; readonly retentionDays?: number; readonly trust?: Trust },
  now: Date,
): Promise<RotationPlan> {
  const vouchesFor = await snapshotVoucher(store, source, trust, now);
  const listing = await store.snapshots(source);
  const findings: Finding[] = listing.findings.map(({ code, sentence, remedy }) => ({
    level: "warning",
    code,
    sentence,
    publicSentence: sentence,
    remedy,
  }));
  const units: RotationUnit[] = [];
  const packs = new Map<string, RotationUnit>();
  let snapshots = 0;
  for (const { id, snapshotJson, expiresAt } of listing.snapshots.toReversed()) {
    let snapshot: SnapshotJson;
    try {
      snapshot = readSnapshotJson(snapshotJson, { source, id });
      if (!vouchesFor({ snapshot, bytes: snapshotJson })) throw signatureMissing(id);
    } catch (cause) {
      const { code, message, hint } = asLifeboatError(cause);
      findings.push({ level: "error", code, sentence: message, publicSentence: message, remedy: hint });
      continue;
    }
    snapshots += 1;
    const expires = expiresAt !== undefined;
    const days = Math.max(
      1,
      expires ? Math.ceil((expiresAt.getTime() - now.getTime()) / 86_400_000) : 0,
      remainingDays(snapshot, now, retentionDays),
    );
    units.push({ kind: "snapshot", id, files: filesOf(snapshot), days, expires });
    for (const pack of snapshot.packs) {
      const known = packs.get(pack.id);
      packs.set(pack.id, {
        kind: "pack",
        id: pack.id,
        files: [fileOfPack(snapshot, pack)],
        days: Math.max(days, known?.days ?? 0),
        expires,
      });
    }
  }
  return { units: [...units, ...packs.values()], snapshots, findings };
}

function filesOf(snapshot: SnapshotJson): readonly RotatedFile[] {
  return snapshot.files.map((file) => ({
    ...recordedFile(snapshot, file),
    isIndex: file.name === indexName,
    sealedFor: snapshot.recipients,
    isCertain: file.name !== indexName,
  }));
}

function fileOfPack(snapshot: SnapshotJson, pack: SharedPack): RotatedFile {
  // An older backup than this one may have sealed it, for others.
  return {
    ...recordedPack(snapshot.source, pack),
    isIndex: false,
    sealedFor: snapshot.recipients,
    isCertain: false,
  };
}
