/** Snapshots without a database behind them: a few sealed bytes in the real format, by the hundred. */
import { randomBytes } from "node:crypto";
import type { Identities } from "../../src/seal/identities.ts";
import type { Recipients } from "../../src/seal/recipients.ts";
import { sealDocument } from "../../src/seal/seal.ts";
import { writeContents } from "../../src/snapshot/contents.ts";
import { newSnapshotId } from "../../src/snapshot/ids.ts";
import { contentsName, indexName, packKey } from "../../src/snapshot/keys.ts";
import {
  readSnapshotJson,
  type SharedPack,
  type SnapshotJson,
  type Tier,
  writeSnapshotJson,
} from "../../src/snapshot/snapshot-json.ts";
import { readSealedContents } from "../../src/operations/sealed-files.ts";
import type { Store } from "../../src/store/store.ts";
import { streamOf } from "../../src/system/stream-of.ts";

export interface SmallSnapshot {
  readonly source?: string;
  readonly moment: Date;
  readonly recipients: Recipients;
  readonly packs?: readonly SharedPack[];
  /** Seals index.zst.age for these besides. */
  readonly indexIdentities?: Identities;
  readonly tiers?: readonly Tier[];
  readonly state?: SnapshotJson["state"];
  readonly retentionDays?: number;
  readonly heads?: readonly string[];
  readonly data?: Uint8Array;
}

export async function storeSmallSnapshot(store: Store, small: SmallSnapshot): Promise<SnapshotJson> {
  const { source = "database", moment, recipients, retentionDays, packs = [] } = small;
  const id = newSnapshotId(moment);
  const draft = await store.begin({
    source,
    id,
    ...(retentionDays === undefined ? {} : { lifetime: { retentionDays } }),
  });
  const isStorage = small.indexIdentities !== undefined;
  const name = isStorage ? indexName : "rest.zst.age";
  const data = small.data ?? randomBytes(200);
  const forPart = recipients.with((await small.indexIdentities?.recipients()) ?? []);
  const part = await sealDocument(data, forPart);
  await draft.put(name, streamOf(part.bytes));
  const role = isStorage ? ("index" as const) : ("rest" as const);
  const file = { name, role, ...part.extents, rawBytes: data.length };
  const sealed = await sealDocument(
    writeContents({ formatVersion: 1, id, source, files: [file] }),
    recipients,
  );
  await draft.put(contentsName, streamOf(sealed.bytes));
  const bytes = writeSnapshotJson({
    id,
    source,
    kind: isStorage ? "storage" : "database",
    state: small.state ?? "whole",
    tiers: [...(small.tiers ?? (["yearly"] as const))],
    times: { started: moment.toISOString(), snapshot: moment.toISOString(), finished: moment.toISOString() },
    versions: { lifeboat: "0.0.0" },
    recipients: [...recipients.fingerprints],
    totals: { tables: 1, rows: 1, objects: 0, rawBytes: data.length, sealedBytes: part.bytes.length },
    packs: [...packs],
    heads: [...(small.heads ?? [])],
    files: [
      { name, ...part.extents },
      { name: contentsName, ...sealed.extents },
    ],
  });
  await draft.commit(bytes);
  return readSnapshotJson(bytes, { source, id });
}

export async function storeSmallPack(
  store: Store,
  source: string,
  recipients: Recipients,
  moment: Date,
  lifetime?: { readonly retentionDays: number },
): Promise<SharedPack> {
  const id = newSnapshotId(moment);
  const data = randomBytes(100_000);
  const sealed = await sealDocument(data, recipients);
  await store.putStream(packKey(source, id), streamOf(sealed.bytes), lifetime);
  return { id, liveBytes: data.length, rawBytes: data.length, ...sealed.extents };
}

/** Throws unless the key opens what is inside. */
export async function openSmallSnapshot(
  store: Store,
  snapshot: SnapshotJson,
  identities: Identities,
): Promise<void> {
  await readSealedContents(store, snapshot, identities);
}
