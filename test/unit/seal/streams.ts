/** Byte streams for the seal's tests: the same bytes every time, in pieces of any size. */
import { createHash } from "node:crypto";
import { LifeboatError, type ErrorCode } from "../../../src/errors.ts";
import { generateIdentity, type Identities, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients, type Recipients } from "../../../src/seal/recipients.ts";

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

// eslint-disable-next-line @typescript-eslint/require-await -- the bytes are there already
export async function* inPieces(
  bytes: Uint8Array,
  size = 65536,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export interface KeyPair {
  readonly recipient: string;
  readonly fileText: string;
  readonly recipients: Recipients;
  readonly identities: Identities;
}

export async function keyPair(postQuantum = false): Promise<KeyPair> {
  const { recipient, fileText } = await generateIdentity({ postQuantum, created: new Date(0) });
  return {
    recipient,
    fileText,
    recipients: parseRecipients([recipient]),
    identities: parseIdentities(fileText),
  };
}

/** The coded error of a promise that must fail. */
export async function failure(work: Promise<unknown>): Promise<LifeboatError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof LifeboatError) return error;
    throw new Error("It failed with an error without a code.", { cause: error });
  }
  throw new Error("It should have failed and did not.");
}

export async function failureCode(work: Promise<unknown>): Promise<ErrorCode> {
  return (await failure(work)).code;
}

/** Every `step`-th offset of a file, and both ends. */
export function offsets(length: number, count: number): number[] {
  const step = Math.max(1, Math.floor(length / count));
  const chosen = new Set([0, length - 1]);
  for (let at = 0; at < length; at += step) chosen.add(at);
  return [...chosen];
}

export function flipped(bytes: Uint8Array, at: number, mask = 1): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}
