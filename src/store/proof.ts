/** Length and SHA-256 of bytes: what was written and what is read back are compared by these. */
import { createHash } from "node:crypto";

export interface Proof {
  /** Bytes. */
  readonly length: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export async function proofOf(bytes: AsyncIterable<Uint8Array>): Promise<Proof> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { length, sha256: hash.digest("hex") };
}

export function proofOfBytes(bytes: Uint8Array): Proof {
  return { length: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

export function sameBytes(one: Proof, other: Proof): boolean {
  return one.length === other.length && one.sha256 === other.sha256;
}
