/** Level `stored`: every sealed byte is the one that was written. Needs no key, so it never counts as verified. */
import { asLifeboatError } from "../errors.ts";
import { snapshotJsonName, snapshotPrefix } from "../snapshot/keys.ts";
import type { SealedFile, SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { judge } from "../verification/compare-database.ts";
import { readSealedFile, readSealedPack } from "./sealed-files.ts";

/** Reads all packs that the snapshot uses and names every one that is changed, cut or missing. */
export async function checkStoredPacks(store: Store, snapshot: SnapshotJson): Promise<ComponentVerdict> {
  const findings: Finding[] = [];
  for (const pack of snapshot.packs) {
    const finding = await tryReading(readSealedPack(store, snapshot.source, pack), {
      ...pack,
      name: `pack ${pack.id}`,
    });
    if (finding !== undefined) findings.push(finding);
  }
  return judge("packs", snapshot.packs.length, findings);
}

/** Reads all files and names every one that is changed, cut, missing, swapped or was added. */
export async function checkStored(store: Store, snapshot: SnapshotJson): Promise<ComponentVerdict> {
  const findings: Finding[] = [...(await strangers(store, snapshot))];
  for (const file of snapshot.files) {
    const finding = await tryReading(readSealedFile(store, snapshot, file), file);
    if (finding !== undefined) findings.push(finding);
  }
  return judge("files", snapshot.files.length, findings);
}

/** Reads a stream of one file to its end; the failure as a finding, if it means that the stored bytes are bad. */
export async function tryReading(
  bytes: AsyncIterable<Uint8Array>,
  file: SealedFile,
): Promise<Finding | undefined> {
  try {
    await drain(bytes);
    return undefined;
  } catch (cause) {
    return damageFinding(cause, file);
  }
}

/** Reads to the end: the reading itself is the check. */
export async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const reading = bytes[Symbol.asyncIterator]();
  while ((await reading.next()).done !== true);
}

/** Only what a check found counts as damage; a store that is down or a wrong key must not look like it. */
export function damageFinding(cause: unknown, file: SealedFile): Finding {
  const error = asLifeboatError(cause);
  if (error.exitCode !== 3) throw cause;
  const naming = (sentence: string): string =>
    sentence.includes(file.name) ? sentence : `${file.name}: ${sentence}`;
  const { sentence: publicly } = error.publicly;
  return {
    level: "error",
    code: error.code,
    sentence: naming(error.message),
    publicSentence: naming(publicly),
    remedy: error.hint,
  };
}

async function strangers(store: Store, snapshot: SnapshotJson): Promise<readonly Finding[]> {
  const prefix = snapshotPrefix(snapshot.source, snapshot.id);
  const expected = new Set([snapshotJsonName, ...snapshot.files.map(({ name }) => name)]);
  const stored = await store.files(prefix);
  return stored
    .map(({ key }) => key.slice(prefix.length))
    .filter((name) => !expected.has(name))
    .map((name) => {
      const sentence = `The file ${name} lies in the snapshot but was not written by its backup.`;
      const remedy = "Find out who can write into the store; the snapshot's own files are judged separately.";
      return { level: "error", code: "file-unexpected", sentence, publicSentence: sentence, remedy };
    });
}
