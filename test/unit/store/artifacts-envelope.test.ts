import { describe, expect, it } from "vitest";
import { parseEnvelope, writeEnvelope } from "../../../src/store/artifacts-envelope.ts";
import { familyOfKey, familyOfPrefix, partName, slotName } from "../../../src/store/artifacts-names.ts";

const id = "20261123T031207Z-9f2c51e0a7b4";
const key = `snapshots/database/${id}/snapshot.json`;

describe("an envelope", () => {
  it("gives back the exact bytes of its file and its copies", () => {
    const earlier = [
      { artifactId: 7, digest: "sha256:00", key, bytes: Buffer.from('{"é":"\u0000"}\n') },
      { artifactId: 6, digest: "sha256:01", key, bytes: Buffer.from([0xff, 0x00]) },
    ];
    const envelope = { key, bytes: Buffer.from("{}\r\n"), earlier };
    expect(parseEnvelope(writeEnvelope(envelope))).toEqual(envelope);
  });

  it("can be read by hand", () => {
    const text = Buffer.from(writeEnvelope({ key, bytes: Buffer.from("{}\n"), earlier: [] })).toString();
    expect(JSON.parse(text)).toEqual({
      format: 1,
      source: "database",
      id,
      snapshotJson: "{}\n",
      earlier: [],
    });
  });

  it("drops the oldest copies when there is no room", () => {
    const bytes = Buffer.alloc(1024 * 1024, "x");
    const earlier = [1, 2, 3, 4, 5, 6].map((artifactId) => ({ artifactId, digest: "sha256:00", key, bytes }));
    const parsed = parseEnvelope(writeEnvelope({ key, bytes: Buffer.from("{}"), earlier }));
    expect(parsed?.earlier.map((one) => one.artifactId)).toEqual([6, 5, 4, 3]);
  });

  it("is nothing else", () => {
    const others = [
      "",
      "{}",
      "[]",
      "null",
      '{"format":2}',
      '{"format":1,"id":"../x","snapshotJson":"","earlier":[]}',
      '{"format":1,"key":"../x","text":"","earlier":[]}',
      `{"format":1,"key":"snapshots/database/${id}/data.zst.age","text":"","earlier":[]}`,
    ];
    for (const other of others) expect(parseEnvelope(Buffer.from(other)), other).toBeUndefined();
  });
});

describe("names of artifacts", () => {
  it("are fixed for what must be found", () => {
    expect(slotName(familyOfKey(key) ?? "", 0)).toBe("lifeboat.database.snapshot.0.json");
    expect(familyOfPrefix(`evidence/database/${id}/`)).toBe("lifeboat.database.evidence");
    expect(familyOfKey(`evidence/database/${id}/1.json`)).toBe("lifeboat.database.evidence");
    expect(familyOfKey("ledger/2026/11/20261123T031207Z-ab.json")).toBe("lifeboat.ledger");
    expect(familyOfKey(`snapshots/database/${id}/data.zst.age`)).toBeUndefined();
    expect(partName({ source: "database", id }, "data.zst.age")).toBe(`lifeboat.database.${id}.data.zst.age`);
  });

  it("cannot be made from what is no key", () => {
    for (const other of ["snapshots/database/x", "evidence/A/x", "../x", "evidence"]) {
      expect(() => familyOfKey(other), other).toThrow();
    }
  });
});
