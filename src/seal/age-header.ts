/** age's header: made and opened by the age library, while the payload behind it is our own business. */
import { Decrypter } from "age-encryption";
import { LifeboatError } from "../errors.ts";
import { nonceBytes, tagBytes } from "./age-payload.ts";
import { damaged } from "./damaged.ts";
import type { Identities } from "./identities.ts";
import type { Recipients } from "./recipients.ts";

/** No header that we write is longer (`maxRecipients` sees to that), so none is read further than this. */
export const maxHeaderBytes = 64 * 1024;

const firstLine = Buffer.from("age-encryption.org/v1\n");
const headerEnd = /\n--- [A-Za-z0-9+/]{43}\n/;

export interface SealedHeader {
  readonly header: Uint8Array;
  /** What opens the payload. Secret. */
  readonly fileKey: Uint8Array;
}

export interface OpenOptions {
  /** Fingerprints that snapshot.json lists: named in the error where no identity fits. */
  readonly sealedFor?: readonly string[];
  /** Asked where no identity fits: the file key by another header of the same payload, which rotation has left. */
  readonly otherwise?: () => Promise<Uint8Array | undefined>;
}

/** A header around a new file key. */
export async function makeHeader(recipients: Recipients): Promise<SealedHeader> {
  let tapped: Uint8Array | undefined;
  // The library hands the file key to each recipient; this one takes a copy and adds no stanza.
  const encrypter = recipients.encrypter({
    wrapFileKey: (fileKey) => {
      tapped = Uint8Array.from(fileKey);
      return [];
    },
  });
  const header = headerOf(await encrypter.encrypt(new Uint8Array(0)));
  const fileKey = tapped ?? (await recipients.readBack?.().decryptHeader(header));
  return { header, fileKey: await proven(header, fileKey) };
}

/** A header for other recipients around the file key of an old one: the payload behind it stays as it is. */
export async function makeHeaderFor(recipients: Recipients, fileKey: Uint8Array): Promise<Uint8Array> {
  if (recipients.class === "passphrase") {
    throw new LifeboatError("input-invalid", "Sealed files cannot be rewrapped for a passphrase.", {
      hint: "Rewrap them for recipients, or back up anew with the passphrase.",
    });
  }
  // The library wraps and authenticates whatever stands in its buffer once the first recipient has been asked.
  const encrypter = recipients.encrypter({
    wrapFileKey: (buffer) => {
      buffer.set(fileKey);
      return [];
    },
  });
  const header = headerOf(await encrypter.encrypt(new Uint8Array(0)));
  await proven(header, fileKey);
  return header;
}

/** The library seals an empty payload under a nonce of its own; both are thrown away. */
function headerOf(sealedNothing: Uint8Array): Uint8Array {
  return sealedNothing.slice(0, sealedNothing.length - nonceBytes - tagBytes);
}

/**
 * The file key, once the header's MAC has shown that it is this header's key. Our way to the key leans on how the
 * library calls recipients; should a later version do it differently, sealing stops here and loses nothing.
 */
async function proven(header: Uint8Array, fileKey: Uint8Array | undefined): Promise<Uint8Array> {
  if (fileKey === undefined || headerLength(header) !== header.length) {
    throw new LifeboatError("unexpected", "The age library did not make a header with a file key.");
  }
  const decrypter = new Decrypter();
  decrypter.addIdentity({ unwrapFileKey: () => fileKey });
  await decrypter.decryptHeader(header);
  return fileKey;
}

/**
 * The file key of a header (`headerLength` bytes of a file).
 * Throws `identity-does-not-open` if it was sealed for others and `sealed-file-damaged` if it is not whole.
 */
export async function openHeader(
  header: Uint8Array,
  identities: Identities,
  options: OpenOptions = {},
): Promise<Uint8Array> {
  let noneFits = false as boolean;
  const decrypter = identities.decrypter();
  // Asked last, and only if no identity before it had a stanza.
  decrypter.addIdentity({
    unwrapFileKey: () => {
      noneFits = true;
      return null;
    },
  });
  try {
    return await decrypter.decryptHeader(header);
  } catch (cause) {
    if (!noneFits) throw damaged("its header is malformed or was changed", cause);
  }
  const fileKey = await options.otherwise?.();
  if (fileKey !== undefined) return fileKey;
  throw await doesNotOpen(identities, options);
}

/** Whether the header was made by somebody who had this file key: its MAC says so. */
export async function headerHasKey(header: Uint8Array, fileKey: Uint8Array): Promise<boolean> {
  return await proven(header, fileKey).then(
    () => true,
    () => false,
  );
}

async function doesNotOpen(identities: Identities, { sealedFor }: OpenOptions): Promise<LifeboatError> {
  const given = (await identities.fingerprints()).join(", ");
  const wanted =
    sealedFor === undefined
      ? "snapshot.json lists the fingerprints of its recipients"
      : `it was sealed for ${sealedFor.join(", ")}`;
  return new LifeboatError("identity-does-not-open", `No given identity (${given}) opens this sealed file.`, {
    hint: `Give the identity of one of its recipients: ${wanted}. If yours is among them, the header is damaged.`,
  });
}

/** How many of the bytes are the header; undefined while its end is not among them. */
export function headerLength(bytes: Uint8Array): number | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const match = headerEnd.exec(text);
  return match === null ? undefined : match.index + match[0].length;
}

/** Throws as soon as the beginning of a file shows that it can have no header that we would open. */
export function checkHeaderStart(bytes: Uint8Array): void {
  const known = Math.min(bytes.length, firstLine.length);
  if (firstLine.compare(bytes, 0, known, 0, known) !== 0) throw damaged("it does not begin as an age file");
  if (bytes.length >= maxHeaderBytes) throw damaged(`its header does not end within ${maxHeaderBytes} bytes`);
}

export interface SplitFile {
  readonly header: Uint8Array;
  /** Everything behind the header, once; returning its iterator ends the source's. */
  readonly rest: AsyncIterable<Uint8Array>;
  /** Ends the source if `rest` is not going to be read. */
  readonly close: () => Promise<void>;
}

/** Takes the header off the front of a stored file, reading no further than the piece in which it ends. */
export async function splitHeader(stored: AsyncIterable<Uint8Array>): Promise<SplitFile> {
  const source = stored[Symbol.asyncIterator]();
  const close = async (): Promise<void> => {
    await source.return?.();
  };
  let held: Uint8Array = new Uint8Array(0);
  try {
    for (;;) {
      const step = await source.next();
      if (step.done === true) throw damaged("it ends within its header");
      held = held.length === 0 ? step.value : Buffer.concat([held, step.value]);
      const length = headerLength(held.subarray(0, maxHeaderBytes));
      if (length !== undefined) {
        return { header: held.subarray(0, length), rest: resumed(held.subarray(length), source), close };
      }
      checkHeaderStart(held);
    }
  } catch (error) {
    await close();
    throw error;
  }
}

function resumed(first: Uint8Array, source: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  let pending: Uint8Array | undefined = first;
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => {
      if (pending === undefined) return source.next();
      const value = pending;
      pending = undefined;
      return Promise.resolve({ value });
    },
    return: async () => (await source.return?.()) ?? { done: true, value: undefined },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
