/**
 * Small documents beside the snapshots (evidence, tombstones, what people said, ledger records): they end with their own
 * hash like snapshot.json, and carry the same signature where a key is given.
 */
import type { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { selfHashHolds, withSelfHash } from "./self-hash.ts";
import { signatureHolds, signatureOf, type SigningKey } from "./signature.ts";

export function writeSignedDocument(document: object, key?: SigningKey): Uint8Array {
  return Buffer.from(
    withSelfHash(key === undefined ? document : { ...document, signature: signatureOf(document, key) }),
  );
}

/** Undefined for what is damaged, or is no such document: it then counts for nothing. */
export function readSignedDocument<T>(bytes: Uint8Array, schema: z.ZodType<T>): T | undefined {
  if (!selfHashHolds(bytes)) return undefined;
  try {
    const result = schema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    return result.success ? result.data : undefined;
  } catch {
    // Its hash holds, and yet it is no JSON: somebody else's file.
    return undefined;
  }
}

/** The public keys that may sign, in PEM form. None: nothing is demanded. */
export type Signers = readonly string[];

/** One or several public keys, one behind the other, as `openssl pkey -pubout` writes them. */
export function parseSigners(text: string): Signers {
  const keys = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g);
  if (keys !== null && keys.length > 0) return keys;
  throw new LifeboatError("input-invalid", "There is no public key in PEM form.", {
    hint: "Get it from the signing key with `openssl pkey -pubout`.",
  });
}

export function isSignedBy(bytes: Uint8Array, signers: Signers): boolean {
  return signers.some((signer) => signatureHolds(bytes, signer));
}
