import { createHash } from "node:crypto";
import { pack as tarPack } from "tar-stream";
import { describe, expect, it } from "vitest";
import { functionBodies, requireBodies } from "../../../src/operations/function-bodies.ts";
import type { ProjectSettings } from "../../../src/snapshot/project-settings.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function backupOf(bodies: Readonly<Record<string, string>>): ProjectSettings {
  return {
    formatVersion: 1,
    project: "abcdefghijklmnopqrst",
    taken: "2026-11-23T03:12:07.000Z",
    settings: {},
    absent: [],
    unreadable: [],
    withoutBody: [],
    notReturned: [],
    functions: Object.entries(bodies).map(([slug, text]) => ({
      slug,
      file: `${slug}.eszip`,
      bytes: text.length,
      sha256: sha256(text),
    })),
  };
}

function tarOf(files: Readonly<Record<string, string>>): AsyncIterable<Uint8Array> {
  const pack = tarPack();
  for (const [name, text] of Object.entries(files)) pack.entry({ name }, text);
  pack.finalize();
  return pack as AsyncIterable<Uint8Array>;
}

const backup = backupOf({ one: "first", two: "second" });
const whole = () => tarOf({ "one.eszip": "first", "two.eszip": "second", "other.eszip": "not ours" });

describe("the functions' bodies", () => {
  it("come out of their tar, those that are wanted", async () => {
    const found: [string, string][] = [];
    for await (const { body, bytes } of functionBodies(whole(), backup, new Set(["two"])))
      found.push([body.slug, bytes.toString()]);
    expect(found).toEqual([["two", "second"]]);
    await expect(requireBodies(whole(), backup, new Set(["one", "two"]))).resolves.toBeUndefined();
  });

  it.each<[string, AsyncIterable<Uint8Array> | undefined]>([
    ["is another one", tarOf({ "one.eszip": "first", "two.eszip": "Second" })],
    ["is under another's name", tarOf({ "one.eszip": "second", "two.eszip": "first" })],
    ["is missing", tarOf({ "one.eszip": "first" })],
    ["is in no part at all", undefined],
  ])("are refused before anything is deployed where one %s", async (_, tar) => {
    await expect(requireBodies(tar, backup, new Set(["one", "two"]))).rejects.toMatchObject({
      code: "snapshot-damaged",
    });
  });
});
