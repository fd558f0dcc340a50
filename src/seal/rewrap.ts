/** Key rotation: a new header, for other recipients, before a payload that stays as it is. */
import { makeHeaderFor, openHeader } from "./age-header.ts";
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
