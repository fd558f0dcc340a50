import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { exitedWell, holdOutput, runTool, startTool } from "../../../src/system/process.ts";

async function startAndReadLate(hold: boolean): Promise<string> {
  const tool = await startTool({ program: "/bin/sh", args: ["-c", "printf '%060000d' 7"] }, [
    "ignore",
    "pipe",
    "pipe",
  ]);
  const stdout = tool.child.stdout as Readable;
  if (hold) holdOutput(stdout);
  await new Promise((resolve) => tool.child.once("exit", resolve));
  // Whoever reads begins some turns later: a store that is being opened, a second child.
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return stdout.readableEnded || stdout.destroyed ? "" : await text(stdout);
}

test("a child that ended before anybody read loses nothing while its output is held", async () => {
  expect((await startAndReadLate(true)).length).toBe(60_000);
  // What Node does by itself; the day it no longer does, the holding can go.
  expect((await startAndReadLate(false)).length).toBeLessThan(60_000);
});

test("exit code, signal and the end of stderr are told", async () => {
  const tool = await startTool({ program: "/bin/sh", args: ["-c", "echo no >&2; kill -TERM $$"] }, [
    "ignore",
    "ignore",
    "pipe",
  ]);
  const exit = await tool.exited;
  expect(exit).toEqual({ code: null, signal: "SIGTERM", stderr: "no" });
  expect(exitedWell(exit)).toBe(false);
});

test("a failure is one sentence; the program's own words travel apart", async () => {
  await expect(
    runTool({ program: "/bin/sh", args: ["-c", "echo secret_table >&2; exit 3"] }),
  ).rejects.toMatchObject({
    code: "tool-failed",
    message: "sh ended with exit code 3.",
    inside: "secret_table",
  });
  await expect(runTool({ program: "/no/such/program", args: [] })).rejects.toMatchObject({
    code: "tool-missing",
  });
  await expect(runTool({ program: "yes", args: [] }, { maxOutputBytes: 1000 })).rejects.toThrow(
    /more than 1000 bytes/,
  );
});

test("a child inherits no secret of ours", async () => {
  process.env["LIFEBOAT_TEST_SECRET"] = "s3cret";
  const { stdout } = await runTool({ program: "env", args: [], env: { PGPASSWORD: "given" } });
  delete process.env["LIFEBOAT_TEST_SECRET"];
  expect(stdout.toString()).toContain("PGPASSWORD=given");
  expect(stdout.toString()).not.toContain("s3cret");
});
