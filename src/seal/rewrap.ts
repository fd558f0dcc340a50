/** Key rotation: a new header, for other recipients, before a payload that stays as it is. */
import { makeHeaderFor, openHeader } from "./age-header.ts";
import { decryptChunk, nonceBytes, payloadKey, sealedChunkBytes, tagBytes } from "./age-payload.ts";
import type { Identities } from "./identities.ts";
import type { Recipients } from "./recipients.ts";

/**
 * A header that opens the same payload for `recipients`. It revokes nothing: who holds the old header and an old key
 * can open that payload until it is deleted.
 */
export async function rewrapHeader(
  header: Uint8Array,
  identities: Identities,
  recipients: Recipients,
): Promise<Uint8Array> {
  return makeHeaderFor(recipients, await openHeader(header, identities));
}

/** As much of a payload as `opensPayload` looks at. */
export const payloadStartBytes = nonceBytes + sealedChunkBytes;

/**
 * Whether the file key opens a payload of `length` bytes, judged by its beginning. Anybody can make a header for a
 * public key; only a key that opens the payload shows that the header was made for it.
 */
export function opensPayload(start: Uint8Array, length: number, fileKey: Uint8Array): boolean {
  if (start.length < nonceBytes + tagBytes) return false;
  const nonce = start.subarray(0, nonceBytes);
  const chunk = start.subarray(nonceBytes, payloadStartBytes);
  try {
    decryptChunk(chunk, 0, length <= payloadStartBytes, payloadKey(fileKey, nonce));
    return true;
  } catch {
    return false;
  }
}
