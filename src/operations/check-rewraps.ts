/**
 * The rewraps of a snapshot and of its packs: whole, bound to the payloads that are there, and, where a key is given,
 * leading to these payloads. A bad one is named and judged by itself: the snapshot's own headers still open it.
 */
import { asLifeboatError, type LifeboatError } from "../errors.ts";
import { headerHasKey, openHeader } from "../seal/age-header.ts";
import type { Identities } from "../seal/identities.ts";
import { headerBytes, isBoundTo, type RewrappedFile } from "../snapshot/rewrap-json.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { isKeyOf, notThisOne, type RecordedFile, Rewraps, type RewrapPlace } from "./rewraps.ts";
import { recordedFile, recordedPack } from "./sealed-files.ts";
import { headerOf } from "./rewraps.ts";

/** Needs no key; with one, headers are opened too. */
export async function checkRewraps(
  store: Store,
  snapshot: SnapshotJson,
  identities: Identities | undefined,
): Promise<ComponentVerdict> {
  const rewraps = new Rewraps(store, snapshot.source, snapshot.packs.length === 0 ? snapshot.id : undefined);
  const findings: Finding[] = [];
  let checked = 0;
  for (const { id, files } of unitsOf(snapshot)) {
    const shelf = await rewraps.of(id);
    checked += shelf.rewraps.length + shelf.unusable.length;
    findings.push(...shelf.unusable.map(({ error }) => findingOf(error)));
    for (const { key, rewrap } of shelf.rewraps) {
      for (const rewrapped of rewrap.files) {
        const file = files.find(({ fileName }) => fileName === rewrapped.name);
        const why = await whatIsWrong(store, rewrapped, file, identities);
        if (why !== undefined) findings.push(bad(`${key} ${why}`));
      }
    }
  }
  return judge("rewraps", checked, findings);
}

type Unit = { readonly id: string; readonly files: readonly (RecordedFile & RewrapPlace)[] };

function unitsOf(snapshot: SnapshotJson): readonly Unit[] {
  const own = snapshot.files.map((file) => recordedFile(snapshot, file));
  const packs = snapshot.packs.map((pack) => ({
    id: pack.id,
    files: [recordedPack(snapshot.source, pack)],
  }));
  return [{ id: snapshot.id, files: own }, ...packs];
}

async function whatIsWrong(
  store: Store,
  rewrapped: RewrappedFile,
  file: (RecordedFile & RewrapPlace) | undefined,
  identities: Identities | undefined,
): Promise<string | undefined> {
  if (file === undefined) return `has a header for ${rewrapped.name}, which is not there`;
  if (!isBoundTo(rewrapped, file.payload)) return `has a header for other bytes than ${file.name}`;
  if (identities === undefined) return undefined;
  const header = headerBytes(rewrapped);
  const own = await headerOf(store, file);
  const fileKey = await openHeader(own, identities).catch(notThisOne);
  // Whoever can open the file by its own header sees by that key whether the other is a header of the same file.
  if (fileKey !== undefined) {
    return (await headerHasKey(header, fileKey)) ? undefined : `has a header that does not open ${file.name}`;
  }
  const newKey = await openHeader(header, identities).catch(notThisOne);
  if (newKey === undefined || (await isKeyOf(store, file, newKey))) return undefined;
  return `has a header that does not open ${file.name}`;
}

function findingOf(error: LifeboatError): Finding {
  const { code, message, hint } = asLifeboatError(error);
  return { level: "error", code, sentence: message, publicSentence: message, remedy: hint };
}

function bad(sentence: string): Finding {
  const whole = `${sentence}.`;
  const remedy =
    "The snapshot's own headers are not touched. Run `rotate-keys` again, and look at who can write the store.";
  return { level: "error", code: "rewrap-damaged", sentence: whole, publicSentence: whole, remedy };
}
