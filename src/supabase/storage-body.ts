/** What headers say of an object's body, and the rest of one. */
import type { Answer } from "./storage-transport.ts";

export function declaredSize({ headers }: Answer): number | undefined {
  const length = headers.get("content-length");
  return length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Proxies weaken ETags without changing the bytes, and old servers send them without quotes. */
export function sameEtag(one: string, other: string): boolean {
  const plain = (etag: string): string => etag.replace(/^(?:W\/)?"?(.*?)"?$/s, "$1");
  return plain(one) === plain(other);
}

export async function* skip(
  bytes: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const chunk of bytes) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
