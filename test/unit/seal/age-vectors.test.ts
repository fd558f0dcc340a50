/** The public age test vectors (CCTV), through our own way: the library's header, our payload. */
import { inflateSync } from "node:zlib";
import { Decrypter } from "age-encryption";
import * as vectorModule from "cctv-age";
import { describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { openHeader, splitHeader } from "../../../src/seal/age-header.ts";
import { decryptPayload, encryptChunks, nonceBytes, payloadKey } from "../../../src/seal/age-payload.ts";
import type { Identities } from "../../../src/seal/identities.ts";
import { collect, inPieces, sha256 } from "./streams.ts";

interface Vector {
  readonly name: string;
  readonly expect: string;
  readonly payloadHash: string | undefined;
  readonly fileKey: string | undefined;
  readonly isArmored: boolean;
  readonly identities: Identities;
  readonly file: Buffer;
}

const vectors = Object.entries(vectorModule)
  .filter((entry): entry is [string, Uint8Array] => entry[1] instanceof Uint8Array)
  .map(([name, bytes]) => parseVector(name, Buffer.from(bytes)));
// We never write armor, so we never read it.
const binary = vectors.filter((vector) => !vector.isArmored);

describe("the public age vectors", () => {
  it("are all here, so that none silently vanishes", () => {
    expect([vectors.length, binary.length]).toEqual([143, 110]);
    expect(binary.filter((vector) => vector.expect === "success")).toHaveLength(19);
  });

  it.each(binary)("$name: $expect", async (vector) => {
    for (const pieceBytes of [vector.file.length, 65536, 1000]) {
      expect(await outcome(vector, Math.max(1, pieceBytes))).toEqual(expected(vector));
    }
  });

  it.each(binary.filter((vector) => vector.expect === "success"))(
    "$name is sealed again to the same bytes",
    async (vector) => {
      const { header, rest } = await splitHeader(inPieces(vector.file));
      const fileKey = await openHeader(header, vector.identities);
      expect(Buffer.from(fileKey).toString("hex")).toBe(vector.fileKey);
      const plain = await collect(decryptPayload(rest, fileKey));
      const nonce = vector.file.subarray(header.length, header.length + nonceBytes);
      const chunks = await collect(encryptChunks(inPieces(plain, 50_001), payloadKey(fileKey, nonce)));
      expect(Buffer.concat([header, nonce, chunks]).equals(vector.file)).toBe(true);
    },
  );
});

interface Outcome {
  readonly kind: string;
  readonly payloadHash?: string | undefined;
}

function expected(vector: Vector): Outcome {
  if (vector.expect !== "success") return { kind: vector.expect };
  return { kind: "success", payloadHash: vector.payloadHash };
}

async function outcome(vector: Vector, pieceBytes: number): Promise<Outcome> {
  let fileKey: Uint8Array;
  let rest: AsyncIterable<Uint8Array>;
  try {
    const split = await splitHeader(inPieces(vector.file, pieceBytes));
    rest = split.rest;
    fileKey = await openHeader(split.header, vector.identities);
  } catch (error) {
    return { kind: headerFailure(error) };
  }
  try {
    return { kind: "success", payloadHash: sha256(await collect(decryptPayload(rest, fileKey))) };
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code !== "sealed-file-damaged") throw error;
    // The vectors count the payload's nonce as part of the header.
    return { kind: error.message.includes("nonce") ? "header failure" : "payload failure" };
  }
}

function headerFailure(error: unknown): string {
  if (!(error instanceof LifeboatError)) throw error;
  if (error.code === "identity-does-not-open") return "no match";
  if (error.code !== "sealed-file-damaged") throw error;
  return error.cause instanceof Error && error.cause.message === "invalid header HMAC"
    ? "HMAC failure"
    : "header failure";
}

function parseVector(name: string, bytes: Buffer): Vector {
  const end = bytes.indexOf("\n\n");
  const fields = bytes
    .subarray(0, end)
    .toString("utf8")
    .split("\n")
    .map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    });
  const all = (key: string): string[] => fields.filter(([name]) => name === key).map(([, value]) => value);
  const body = bytes.subarray(end + 2);
  return {
    name,
    expect: all("expect")[0] ?? "",
    payloadHash: all("payload")[0],
    fileKey: all("file key")[0],
    isArmored: all("armored")[0] === "yes",
    identities: {
      fingerprints: () => Promise.resolve(["of the vector"]),
      recipients: () => Promise.resolve([]),
      decrypter: () => {
        const decrypter = new Decrypter();
        for (const identity of all("identity")) decrypter.addIdentity(identity);
        for (const passphrase of all("passphrase")) decrypter.addPassphrase(passphrase);
        return decrypter;
      },
    },
    file: all("compressed")[0] === "zlib" ? inflateSync(body) : body,
  };
}
