import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const entry = fileURLToPath(new URL("entries/command.ts", import.meta.url));

interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function lifeboat(...args: readonly string[]): Promise<CommandEnd> {
  const env = { PATH: process.env["PATH"] ?? "", URL: "postgres://lena:correct-horse@db/shop" };
  const child = spawn(process.execPath, [entry, ...args], { env });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    if (text.includes("ready")) child.kill("SIGINT");
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

test("a good end: the text on stdout, the progress on stderr, 0", async () => {
  expect(await lifeboat("good")).toEqual({
    code: 0,
    stdout: "All is well.\n",
    stderr: "working with nothing\n",
  });
});

test("--json: exactly one document on stdout", async () => {
  const { code, stdout, stderr } = await lifeboat("good", "--json", "--url", "env:URL");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ verdict: "passed" });
  expect(stderr).toBe("working with ***\n");
});

test("a damaged backup: the result is printed and the exit code is 3", async () => {
  const { code, stdout, stderr } = await lifeboat("damaged");
  expect(code).toBe(3);
  expect(stdout).toBe("Part 3 is damaged.\n");
  expect(stderr).toContain("Error: Part 3 was changed.\nHint: Do not restore from this snapshot.");
  const asJson = await lifeboat("damaged", "--json");
  expect(JSON.parse(asJson.stdout)).toEqual({ verdict: "failed" });
  expect(asJson.stderr.match(/^Error:/gm)).toHaveLength(1);
});

test("a thrown error: sentence, hint, cause and code on stderr, 1, and with --json one document too", async () => {
  const { code, stdout, stderr } = await lifeboat("throws");
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toBe(
    "Error: The store was busy.\nHint: Run again later.\nCause: Error: ECONNREFUSED\n(store-temporary: docs/errors.md#store-temporary)\n",
  );
  expect(JSON.parse((await lifeboat("throws", "--json")).stdout)).toEqual({
    error: { code: "store-temporary", message: "The store was busy.", hint: "Run again later." },
    exitCode: 1,
  });
});

test("a promise that never settles: 1 and a line", async () => {
  const { code, stderr } = await lifeboat("hangs");
  expect(code).toBe(1);
  expect(stderr).toContain("Error: The work stopped without an end");
});

test("Ctrl-C: the signal reaches the work, and the exit code is not 0", async () => {
  const { code, stderr } = await lifeboat("waits");
  expect(code).toBe(1);
  expect(stderr).toContain("Error: The run was cancelled (SIGINT)");
});

test("a secret on the command line: 2, before anything is parsed, and never repeated", async () => {
  const { code, stdout, stderr } = await lifeboat(
    "good",
    "--nonsense",
    "--url",
    "postgres://lena:hunter2@db/shop",
  );
  expect(code).toBe(2);
  expect(stderr).toContain("secret-in-argv");
  expect(stderr).toContain("--url env:NAME");
  expect(stdout + stderr).not.toContain("hunter2");
});

test("an unknown flag: 2 with the parser's words; help: 0", async () => {
  const unknown = await lifeboat("good", "--nonsense");
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain("Error: unknown option '--nonsense'");
  const help = await lifeboat("--help");
  expect(help.code).toBe(0);
  expect(help.stdout).toContain("Usage: lifeboat");
});
