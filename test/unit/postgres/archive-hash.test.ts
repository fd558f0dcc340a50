import { describe, expect, test } from "vitest";
import { hashArchive, tableKey } from "../../../src/postgres/archive-hash.ts";
import { addHashes, emptyHash } from "../../../src/postgres/content-hash.ts";

async function* textOf(...pieces: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece));
}

const first = "COPY app.root (id, note) FROM stdin;\n1\tone\n2\t\\N\n\\.\n";
const second = "COPY app.root (note, id) FROM stdin;\nthree\t3\n\\.\n";
const other = 'COPY app."a.b"  FROM stdin;\n\n\\.\n';

describe("hashArchive", () => {
  test("adds up a table that comes several times", async () => {
    const root = tableKey("app", "root");
    const whole = await hashArchive(textOf(first, other, second));
    const parts = [await hashArchive(textOf(first)), await hashArchive(textOf(second))];
    expect([...whole.keys()]).toEqual([root, tableKey("app", "a.b")]);
    expect(whole.get(root)).toEqual({
      rows: 3,
      hash: addHashes(parts[0]?.get(root)?.hash ?? "", parts[1]?.get(root)?.hash ?? ""),
      bytes: 6 + 5 + 8,
    });
    expect(whole.get(tableKey("app", "a.b"))).toEqual({ rows: 1, hash: emptyHash, bytes: 1 });
  });

  test("knows empty tables, and archives without any", async () => {
    const text = "COPY app.none (id) FROM stdin;\n\\.\n";
    expect([...(await hashArchive(textOf(text))).values()]).toEqual([{ rows: 0, hash: emptyHash, bytes: 0 }]);
    expect((await hashArchive(textOf("SELECT pg_catalog.setval('app.s', 1, true);\n"))).size).toBe(0);
  });

  test("fails when its source fails or breaks off", async () => {
    await expect(hashArchive(textOf(first.slice(0, -3)))).rejects.toMatchObject({ code: "snapshot-damaged" });
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield* textOf(first);
      throw new Error("the pipe broke");
    };
    await expect(hashArchive(failing())).rejects.toThrow("the pipe broke");
  });
});
