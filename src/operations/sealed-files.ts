/** A snapshot's sealed files, read so that no wrong byte passes unnoticed. */
import { createHash, type Hash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { PartSource } from "../postgres/restore-stream.ts";
import type { Identities } from "../seal/identities.ts";
import { unsealDocument, unsealStream } from "../seal/seal.ts";
import { type Contents, readContents } from "../snapshot/contents.ts";
import { contentsName, packFileName, packKey, snapshotFileKey } from "../snapshot/keys.ts";
import type { SealedFile, SharedPack, SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import { openOptions, type RecordedFile, type RewrapPlace, Rewraps } from "./rewraps.ts";
import { wholeOf } from "./whole-of.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";

export type { RecordedFile };
export { wholeOf };

/**
 * The stored bytes of one file; throws `snapshot-damaged` naming it as soon as it is longer than recorded, and at its
 * end unless header and payload have the recorded hashes. What came before the error is not proven.
 */
export async function* readSealed(store: Store, file: RecordedFile): AsyncGenerator<Uint8Array> {
  const damaged = (why: string): LifeboatError =>
    new LifeboatError("snapshot-damaged", `${file.name} ${why}.`);
  const header = createHash("sha256");
  const payload = createHash("sha256");
  const expectedLength = file.header.length + file.payload.length;
  let offset = 0;
  for await (const bytes of await store.read(file.key)) {
    splitInto(bytes, file.header.length - offset, header, payload);
    offset += bytes.length;
    if (offset > expectedLength)
      throw damaged(`is longer than the ${expectedLength} bytes that were written`);
    yield bytes;
  }
  if (offset < expectedLength) throw damaged(`has ${offset} bytes instead of ${expectedLength}`);
  if (header.digest("hex") !== file.header.sha256)
    throw damaged("has a changed header: its SHA-256 does not match");
  if (payload.digest("hex") !== file.payload.sha256)
    throw damaged("has changed bytes: its SHA-256 does not match");
}

/** Where a file of a snapshot lies, and its rewraps. */
export function recordedFile(snapshot: SnapshotJson, file: SealedFile): RecordedFile & RewrapPlace {
  return {
    ...file,
    key: snapshotFileKey(snapshot.source, snapshot.id, file.name),
    name: `${file.name} of ${snapshot.id}`,
    id: snapshot.id,
    fileName: file.name,
  };
}

/** Where a pack lies, and its rewraps. */
export function recordedPack(source: string, pack: SharedPack): RecordedFile & RewrapPlace {
  return { ...pack, key: packKey(source, pack.id), name: `pack ${pack.id}`, fileName: packFileName(pack.id) };
}

/** The stored bytes of one file of a snapshot, proven as by `readSealed`. */
export function readSealedFile(
  store: Store,
  snapshot: SnapshotJson,
  file: SealedFile,
): AsyncGenerator<Uint8Array> {
  return readSealed(store, recordedFile(snapshot, file));
}

/** The stored bytes of one pack, proven as by `readSealed`. */
export function readSealedPack(store: Store, source: string, pack: SharedPack): AsyncGenerator<Uint8Array> {
  return readSealed(store, recordedPack(source, pack));
}

function splitInto(bytes: Uint8Array, headerLeft: number, header: Hash, payload: Hash): void {
  const cut = Math.min(Math.max(headerLeft, 0), bytes.length);
  header.update(bytes.subarray(0, cut));
  payload.update(bytes.subarray(cut));
}

/** The zstd stream of one file, authenticated by age and compared with snapshot.json. */
export function unsealFile(
  store: Store,
  snapshot: SnapshotJson,
  file: SealedFile,
  identities: Identities,
  rewraps = new Rewraps(store, snapshot.source, snapshot.id),
): AsyncIterable<Uint8Array> {
  const recorded = recordedFile(snapshot, file);
  const options = openOptions(store, recorded, identities, snapshot.recipients, rewraps);
  return unsealStream(readSealed(store, recorded), identities, options);
}

/** The zstd stream of one pack, likewise. */
export function unsealPack(
  store: Store,
  snapshot: SnapshotJson,
  pack: SharedPack,
  identities: Identities,
  rewraps: Rewraps,
): AsyncIterable<Uint8Array> {
  const recorded = recordedPack(snapshot.source, pack);
  const options = openOptions(store, recorded, identities, snapshot.recipients, rewraps);
  return unsealStream(readSealed(store, recorded), identities, options);
}

/** A snapshot's parts as the restore reads them. */
export function partSource(store: Store, snapshot: SnapshotJson, identities: Identities): PartSource {
  const rewraps = new Rewraps(store, snapshot.source, snapshot.id);
  return {
    zstdStream: (name) => unsealFile(store, snapshot, fileNamed(snapshot, name), identities, rewraps),
  };
}

/** contents.json, which must agree with snapshot.json about every file. */
export async function readSealedContents(
  store: Store,
  snapshot: SnapshotJson,
  identities: Identities,
): Promise<Contents> {
  const recorded = recordedFile(snapshot, fileNamed(snapshot, contentsName));
  const sealed = await wholeOf(readSealed(store, recorded), {
    document: recorded.name,
    maxBytes: sizeLimits.sealedContents,
  });
  const rewraps = new Rewraps(store, snapshot.source, snapshot.id);
  const options = openOptions(store, recorded, identities, snapshot.recipients, rewraps);
  const document = await unsealDocument(sealed, identities, sizeLimits.contents, options);
  const contents = readContents(document, snapshot);
  const agree = (name: string): boolean => {
    const [inside, outside] = [contents.files, snapshot.files].map((files) =>
      files.find((file) => file.name === name),
    );
    return (
      inside?.payload.sha256 === outside?.payload.sha256 && inside?.payload.length === outside?.payload.length
    );
  };
  const names = new Set(
    [...contents.files, ...snapshot.files].map(({ name }) => name).filter((n) => n !== contentsName),
  );
  const disagreed = [...names].filter((name) => !agree(name));
  if (disagreed.length === 0) return contents;
  throw new LifeboatError(
    "snapshot-damaged",
    `snapshot.json and the sealed contents of ${snapshot.id} disagree about ${disagreed.join(", ")}: files were swapped.`,
  );
}

export function fileNamed(snapshot: SnapshotJson, name: string): SealedFile {
  const file = snapshot.files.find((candidate) => candidate.name === name);
  if (file !== undefined) return file;
  throw new LifeboatError("snapshot-damaged", `Snapshot ${snapshot.id} lists no file ${name}.`);
}
