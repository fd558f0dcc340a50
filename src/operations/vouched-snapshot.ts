/** Whether a stored snapshot may be opened at all: asked before anything of it is decrypted, listed as good, or run. */
import { LifeboatError } from "../errors.ts";
import { witnessOf } from "../ledger/witness.ts";
import { acceptanceOf } from "../retention/history.ts";
import { standingsOf } from "../snapshot/holds.ts";
import { isSignedBy, type Signers } from "../snapshot/signed-document.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { readStoreId } from "../store/store-id.ts";
import type { Store } from "../store/store.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { readHolds, type Trust, voucher } from "./vouched-documents.ts";

export interface StoredSnapshot {
  readonly snapshot: SnapshotJson;
  /** snapshot.json as stored: what a signature covers. */
  readonly bytes: Uint8Array;
}

export type VouchesFor = (stored: StoredSnapshot) => boolean;

/**
 * Signed by who may sign, else seen by the ledger, else accepted by a person whose word counts; where nobody is
 * configured who must sign, everything. Reads no other snapshot: one that nobody can read must not switch this off.
 */
export async function snapshotVoucher(
  store: Store,
  source: string,
  trust: Trust,
  now: Date,
): Promise<VouchesFor> {
  const { signers, ledger } = trust;
  if (signers.length === 0) return () => true;
  const reading = await ledger?.read();
  const names = { address: store.address, id: (await readStoreId(store)).id };
  const witness = reading === undefined ? undefined : witnessOf(reading, source, names);
  const { holds } = await readHolds(store, source, voucher(trust, witness));
  const { accepted } = standingsOf(holds, now);
  return ({ snapshot: { id, sha256 }, bytes }) =>
    isSignedBy(bytes, signers) ||
    accepted.has(acceptanceOf(id, sha256)) ||
    witness?.heads.some((head) => head.id === id && head.sha256 === sha256) === true;
}

/** Throws `signature-missing` where nobody vouches for it. */
export async function requireVouched(
  store: Store,
  stored: StoredSnapshot,
  trust: Trust,
  now: Date,
): Promise<void> {
  const { source, id } = stored.snapshot;
  // The common case costs no look into the store.
  if (trust.signers.length === 0 || isSignedBy(stored.bytes, trust.signers)) return;
  if ((await snapshotVoucher(store, source, trust, now))(stored)) return;
  throw signatureMissing(id);
}

/** As a component of a verification; none where nobody must sign. */
export function checkSignature(
  { snapshot: { id }, bytes }: StoredSnapshot,
  signers: Signers,
): ComponentVerdict[] {
  if (signers.length === 0) return [];
  if (isSignedBy(bytes, signers)) return [judge("signature", 1, [])];
  const { code, message: sentence, hint: remedy } = signatureMissing(id);
  return [judge("signature", 1, [{ level: "error", code, sentence, publicSentence: sentence, remedy }])];
}

export function signatureMissing(id: string): LifeboatError {
  return new LifeboatError(
    "signature-missing",
    `Snapshot ${id} does not carry a signature by the given key: nothing of it was opened.`,
  );
}

/** Of what was run although nobody must sign: whoever can write into the store decides what it is. */
export function contentsTrusted(id: string): Finding {
  const sentence = `Nobody vouches for snapshot ${id}, because no signer is set: its contents are trusted as they are.`;
  return {
    level: "warning",
    code: "contents-trusted",
    sentence,
    publicSentence: sentence,
    remedy:
      "Sign backups (`signing-key`) and give the public half as `signer`, or in the policy (docs/keys.md): then nothing is opened or run that is not signed.",
  };
}
