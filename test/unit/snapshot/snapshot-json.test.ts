import { createHash, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { basicIso, isSnapshotId, momentOfId, newSnapshotId } from "../../../src/snapshot/ids.ts";
import { evidenceKey, isFileName, isSourceName, snapshotFileKey } from "../../../src/snapshot/keys.ts";
import { selfHashHolds } from "../../../src/snapshot/self-hash.ts";
import { parseSigningKey, signatureHolds } from "../../../src/snapshot/signature.ts";
import {
  readSnapshotJson,
  type SnapshotFields,
  writeSnapshotJson,
} from "../../../src/snapshot/snapshot-json.ts";

const id = "20261123T031207Z-9f2c51e0a7b4";
const extent = { length: 1, sha256: "a".repeat(64) };
const time = "2026-11-23T03:12:07Z";
const fields: SnapshotFields = {
  id,
  source: "database",
  kind: "database",
  state: "whole",
  tiers: ["daily"],
  times: { started: time, snapshot: time, finished: time },
  versions: { lifeboat: "1.0.0" },
  recipients: ["0123456789abcdef"],
  totals: { tables: 1, rows: 2, objects: 0, rawBytes: 3, sealedBytes: 4 },
  packs: [],
  heads: [],
  files: [{ name: "schema.zst.age", header: extent, payload: extent }],
};
const expected = { source: "database", id };
const pair = generateKeyPairSync("ed25519");
const publicPem = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
const signingKey = parseSigningKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
const signed = Buffer.from(writeSnapshotJson(fields, signingKey));

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe("snapshot.json", () => {
  test("is read as it was written, with fields that a later version adds", () => {
    const written = writeSnapshotJson({ ...fields, later: { field: 1 } });
    expect(readSnapshotJson(written, expected)).toMatchObject({ ...fields, later: { field: 1 } });
  });

  test("carries a hash that a shell can check, and every changed or missing byte breaks it", () => {
    const lines = signed.toString().split("\n");
    const head = `${lines.slice(0, -3).join("\n")}\n`;
    expect(lines.at(-3)).toBe(`  "sha256": "${createHash("sha256").update(head).digest("hex")}"`);
    for (let at = 0; at < signed.length; at += 1)
      expect(selfHashHolds(flipped(signed, at)), String(at)).toBe(false);
    for (let end = 0; end < signed.length; end += 7)
      expect(selfHashHolds(signed.subarray(0, end))).toBe(false);
    expect(selfHashHolds(Buffer.concat([signed, Buffer.from("\n")]))).toBe(false);
  });

  test("of another snapshot, of a later format, or without its fields is refused", () => {
    const bytes = writeSnapshotJson(fields);
    const other = { source: "database", id: newSnapshotId(new Date(0)) };
    expect(() => readSnapshotJson(bytes, other)).toThrow(/files were swapped/);
    expect(() => readSnapshotJson(bytes, { ...expected, source: "else" })).toThrow(/files were swapped/);
    const later = writeSnapshotJson({ ...fields, formatVersion: 2 });
    expect(() => readSnapshotJson(later, expected)).toThrow(/format version 2/);
    const poor = writeSnapshotJson({ ...fields, files: [] });
    expect(() => readSnapshotJson(poor, expected)).toThrow(/does not have the fields/);
  });
});

describe("a signature", () => {
  test("holds for the key that made it, and for no changed byte and no other key", () => {
    expect(signatureHolds(signed, publicPem)).toBe(true);
    const other = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
    expect(signatureHolds(signed, other)).toBe(false);
    expect(signatureHolds(writeSnapshotJson(fields), publicPem)).toBe(false);
    const covered = signed.indexOf('  "signature"');
    for (let at = 0; at < covered; at += 1)
      expect(signatureHolds(flipped(signed, at), publicPem), String(at)).toBe(false);
  });

  test("of other kinds of keys is refused without repeating them", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({
      type: "pkcs8",
      format: "pem",
    });
    for (const pem of [rsa.toString(), "hunter2", publicPem]) {
      expect(() => parseSigningKey(pem)).toThrow(
        "The signing key is not an Ed25519 private key in PEM form.",
      );
    }
    expect(() => signatureHolds(signed, "hunter2")).toThrow("The signer is not a public key in PEM form.");
  });
});

describe("ids and keys", () => {
  test("ids sort by time, say their moment and never repeat", () => {
    const [a, b] = [newSnapshotId(new Date(1_000)), newSnapshotId(new Date(2_000))];
    expect(a < b && isSnapshotId(a)).toBe(true);
    expect(momentOfId(id)).toEqual(new Date(time));
    expect(basicIso(new Date(time))).toBe("20261123T031207Z");
    expect(new Set(Array.from({ length: 1000 }, () => newSnapshotId(new Date(0)))).size).toBe(1000);
    for (const bad of ["", "../x", `${id}\n`, id.toUpperCase(), id.slice(1)])
      expect(isSnapshotId(bad), bad).toBe(false);
  });

  test("nothing that could leave its folder becomes a key", () => {
    expect(snapshotFileKey("shop-1", id, "data-1.zst.age")).toBe(`snapshots/shop-1/${id}/data-1.zst.age`);
    expect(evidenceKey("shop", id, new Date(time), "0123abcd")).toBe(
      `evidence/shop/${id}/20261123T031207Z-0123abcd.json`,
    );
    for (const bad of ["", "..", "a/b", ".hidden", "a..b", "A", "a\n", "-a", "a".repeat(101)]) {
      expect(isFileName(bad), bad).toBe(false);
      expect(() => snapshotFileKey("shop", id, bad)).toThrow(/cannot be part of a store key/);
    }
    for (const bad of ["", "A", "a/b", "..", "-a", "a-", "a b", "a".repeat(41), "a\n"]) {
      expect(isSourceName(bad), bad).toBe(false);
      expect(() => snapshotFileKey(bad, id, "a")).toThrow(/cannot be part of a store key/);
    }
  });
});
