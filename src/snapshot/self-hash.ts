/**
 * The two last lines of a snapshot.json, the same in every format version: `  "sha256": "<hex>"` and `}`.
 * The hash covers every byte before them, so `head -n -2 snapshot.json | sha256sum` proves it by hand.
 */
import { createHash } from "node:crypto";

const ending = /\n {2}"sha256": "([0-9a-f]{64})"\n\}\n$/;

/** JSON text of `document` (an object, not empty) with its own hash at the end. */
export function withSelfHash(document: object): string {
  const open = openEnded(document);
  return `${open}  "sha256": "${sha256(open)}"\n}\n`;
}

/** The JSON of `document` up to where the next key would stand: the bytes that a hash or signature covers. */
export function openEnded(document: object): string {
  return `${JSON.stringify(document, null, 2).slice(0, -"\n}".length)},\n`;
}

/** Whether the text ends with the hash of all bytes before it: any changed byte anywhere makes this false. */
export function selfHashHolds(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString("latin1");
  const match = ending.exec(text);
  if (match === null) return false;
  return sha256(Buffer.from(bytes).subarray(0, match.index + 1)) === match[1];
}

/** The hash that stands in the last line but one; empty where there is none. */
export function selfHashOf(bytes: Uint8Array): string {
  return ending.exec(Buffer.from(bytes).toString("latin1"))?.[1] ?? "";
}

function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
