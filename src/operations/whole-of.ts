/** A stored file, whole: only what has a largest size is read like that. */
import { bytesWithin, type SizeLimit } from "../system/bounded.ts";

export async function wholeOf(stored: AsyncIterable<Uint8Array>, limit: SizeLimit): Promise<Buffer> {
  return await bytesWithin(stored, limit);
}

/** A range that was asked for: a store that gives more is broken. */
export function rangeLimit(key: string, length: number): SizeLimit {
  return { document: key, maxBytes: length };
}
