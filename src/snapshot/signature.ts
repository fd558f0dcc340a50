/** Ed25519 signatures over snapshot.json and the documents beside it: recipients are public, so without one anybody could seal a forgery. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import { openEnded } from "./self-hash.ts";

export interface SigningKey {
  readonly privateKey: KeyObject;
}

/** Reads an Ed25519 private key in PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it. */
export function parseSigningKey(pem: string): SigningKey {
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType === "ed25519") return { privateKey };
  } catch (cause) {
    throw invalid(cause);
  }
  throw invalid();
}

function invalid(cause?: unknown): LifeboatError {
  return new LifeboatError("input-invalid", "The signing key is not an Ed25519 private key in PEM form.", {
    hint: "Make one with `openssl genpkey -algorithm ed25519`.",
    cause,
  });
}

/** What others check its signatures with, in PEM form. */
export function publicKeyPem({ privateKey }: SigningKey): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}

/** `ed25519:<key id>:<base64>` over the bytes of the document before the signature's own line. */
export function signatureOf(document: object, key: SigningKey): string {
  const value = sign(null, Buffer.from(openEnded(document)), key.privateKey).toString("base64");
  return `ed25519:${keyId(createPublicKey(key.privateKey))}:${value}`;
}

/** Whether stored snapshot.json bytes carry a signature by this public key (PEM). */
export function signatureHolds(stored: Uint8Array, publicKeyPem: string): boolean {
  const text = Buffer.from(stored).toString("utf8");
  const match =
    /\n( {2}"signature": "ed25519:[0-9a-f]{16}:([A-Za-z0-9+/=]+)",\n {2}"sha256": "[0-9a-f]{64}"\n\}\n)$/.exec(
      text,
    );
  if (match === null) return false;
  const covered = Buffer.from(text.slice(0, match.index + 1));
  return verify(null, covered, publicKeyOf(publicKeyPem), Buffer.from(match[2] ?? "", "base64"));
}

function publicKeyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new LifeboatError("input-invalid", "The signer is not a public key in PEM form.", {
      hint: "Get it from the signing key with `openssl pkey -pubout`.",
      cause,
    });
  }
}

function keyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, 16);
}
