/** What a person says about retention: keep this one for ever, do so no longer, go on although it looks like an attack. */
import { randomBytes } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import { holdKey } from "../snapshot/keys.ts";
import { writeSignedDocument } from "../snapshot/signed-document.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import { agreedClock } from "./agree-on-time.ts";
import { isAcceptable } from "../retention/document-findings.ts";
import { type Observation, observeSnapshots } from "./observe-snapshots.ts";
import { restoreStoreId } from "./store-id-faults.ts";
import type { Trust } from "./vouched-documents.ts";
import { aboutStore, witnessedDocument, witnessing } from "./witness-documents.ts";

export interface HoldRequest {
  readonly source: string;
  readonly because: string;
  readonly by: Actor;
  readonly trust: Trust;
  readonly signingKey: SigningKey | undefined;
}

export interface HoldReport {
  readonly source: string;
  readonly store: string;
  readonly act: "hold" | "release" | "unfreeze";
  readonly snapshot?: string;
  /** Of `unfreeze`: what history could not explain, and the sentence that froze retention. */
  readonly accepted?: readonly string[];
  readonly wasFrozen?: string;
}

interface Means {
  readonly store: Store;
  readonly clock: Clock;
}

export async function holdSnapshot(
  act: "hold" | "release",
  snapshot: string,
  request: HoldRequest,
  means: Means,
): Promise<HoldReport> {
  const { snapshots } = await look(request, means);
  if (!snapshots.some(({ id }) => id === snapshot)) {
    throw new LifeboatError("snapshot-not-found", `Source "${request.source}" has no snapshot ${snapshot}.`);
  }
  if (act === "release") requireVoice(request);
  await write({ act, snapshot }, request, means);
  return { source: request.source, store: means.store.address, act, snapshot };
}

export async function unfreeze(request: HoldRequest, means: Means): Promise<HoldReport> {
  requireVoice(request);
  const { history, standings, findings, storeIds } = await look(request, means);
  const found = [
    ...history.map(({ accepts }) => accepts),
    ...findings.filter(isAcceptable).flatMap(({ accepts }) => accepts),
  ];
  const accepted = [...new Set([...standings.accepted, ...found])];
  await restoreStoreId(means.store, storeIds);
  await write({ act: "unfreeze", accepted }, request, means);
  const { source } = request;
  return {
    source,
    store: means.store.address,
    act: "unfreeze",
    accepted,
    ...(standings.freeze === undefined ? {} : { wasFrozen: standings.freeze }),
  };
}

async function look({ source, trust }: HoldRequest, { store, clock }: Means): Promise<Observation> {
  const now = clock.now();
  return await observeSnapshots(store, { source, trust, now, isThorough: true, ledgerSpan: "whole" });
}

/** What lifts a protection must be signed where signatures are demanded, or whoever can write could lift it. */
function requireVoice({ trust, signingKey }: HoldRequest): void {
  if (trust.signers.length === 0 || signingKey !== undefined || trust.ledger !== undefined) return;
  throw new LifeboatError("input-invalid", "Signatures are demanded, but there is no key to sign with.", {
    hint: "Give --signing-key env:NAME or file:PATH.",
  });
}

async function write(
  said: { readonly act: string; readonly snapshot?: string; readonly accepted?: readonly string[] },
  { source, because, by, signingKey, trust }: HoldRequest,
  { store, clock }: Means,
): Promise<void> {
  const moment = (await agreedClock(clock, store)).now();
  const time = moment.toISOString();
  const bytes = writeSignedDocument({ holdVersion: 1, ...said, source, because, by, time }, signingKey);
  const stored = await store.put(holdKey(source, moment, randomBytes(4).toString("hex")), bytes);
  await trust.ledger?.append({
    act: said.act,
    source,
    ...(await aboutStore(store, trust.ledger)),
    heads: [],
    ...witnessing([witnessedDocument(stored, bytes)]),
    by,
    time,
    ...(said.snapshot === undefined ? {} : { snapshot: said.snapshot }),
  });
}
