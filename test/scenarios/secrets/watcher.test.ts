/** The watcher itself: a test that finds nothing proves something only if it would have found it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findIn, needlesFor, newMarker } from "./encodings.ts";
import { watching } from "./watcher.ts";

test("sees a command line and a file that live for a moment", async () => {
  const folder = await mkdtemp(join(tmpdir(), "watched-"));
  const marker = newMarker();
  const script = `
    const { writeFileSync, rmSync } = require("node:fs");
    writeFileSync("note", Buffer.from("xy" + Buffer.from(process.argv[1], "hex")).toString("base64"));
    console.log("written");
    process.stdin.on("end", () => rmSync("note")).resume();`;
  const [, seen] = await watching(
    { folders: [folder], needles: needlesFor("a row", marker) },
    async (looked) => {
      const args = ["-e", script, Buffer.from(marker).toString("hex")];
      const child = spawn(process.execPath, args, { cwd: folder });
      await once(child.stdout, "data");
      await looked();
      child.stdin.end();
      await once(child, "close");
    },
  );
  await rm(folder, { recursive: true });
  expect(seen.leaks).toEqual(
    expect.arrayContaining([
      `a row as hex in the command line of ${process.execPath}`,
      `a row as base64, shifted by 2 in the file ${join(folder, "note")}`,
    ]),
  );
});

test("knows a word in many forms, and only that word", () => {
  const marker = newMarker();
  const needles = needlesFor("a row", marker);
  expect(needles.length).toBeGreaterThan(15);
  const found = (text: string): readonly string[] => findIn(text, needles).map(({ encoding }) => encoding);
  expect(found(JSON.stringify({ [marker]: 1 }))).toEqual(["plain"]);
  expect(found(`postgres://a:%20${marker}@db`)).toEqual(["plain"]);
  for (const before of ["", "a", "ab"]) {
    expect(found(Buffer.from(`${before}${marker} and more`).toString("base64"))).toEqual([
      `base64, shifted by ${before.length}`,
    ]);
  }
  expect(found(newMarker().repeat(100))).toEqual([]);
});
