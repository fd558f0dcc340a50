import { expect, test } from "vitest";
import { createTerminal, formatBytes, type Terminal } from "../../../src/cli/terminal.ts";
import { createSecrets } from "../../../src/runner/secrets.ts";

interface Scene {
  readonly terminal: Terminal;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly pass: (milliseconds: number) => void;
}

function scene(options: { isTTY?: boolean; isJson?: boolean; secret?: string } = {}): Scene {
  let [stdout, stderr, elapsed] = ["", "", 0];
  const secrets = createSecrets();
  secrets.add(options.secret ?? "");
  const terminal = createTerminal({
    secrets,
    clock: { now: () => new Date(0), elapsedMs: () => elapsed },
    isJson: options.isJson ?? false,
    isVerbose: false,
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text), isTTY: options.isTTY ?? false, columns: 60 },
  });
  return { terminal, stdout: () => stdout, stderr: () => stderr, pass: (by) => void (elapsed += by) };
}

test("prints one JSON document on stdout and everything else on stderr", () => {
  const { terminal, stdout, stderr } = scene({ isJson: true });
  terminal.logger.info("working");
  terminal.logger.debug("unseen");
  terminal.logger.warning("look");
  terminal.result({ id: "x", text: "\u001b[2J" }, "for people");
  expect(JSON.parse(stdout())).toEqual({ id: "x", text: "\u001b[2J" });
  expect(stdout()).not.toContain("\u001b");
  expect(stderr()).toBe("working\nWarning: look\n");
  expect(() => terminal.result({}, "")).toThrow("one result");
});

test("prints text for people, in which a name cannot command the terminal", () => {
  const { terminal, stdout } = scene();
  terminal.result({}, "table \u001b]0;evil\u0007\nsecond");
  expect(stdout()).toBe("table \ufffd]0;evil\ufffd\nsecond\n");
});

test("shows no secret anywhere", () => {
  const { terminal, stdout, stderr } = scene({ secret: "correct-horse" });
  terminal.logger.info("correct-horse");
  terminal.result({}, "is correct-horse");
  expect(stdout() + stderr()).toBe("is ***\n***\n");
});

test("writes a line each tenth into a log, however often it is told", () => {
  const { terminal, stderr } = scene();
  const progress = terminal.progress("database", "bytes", 1_000_000);
  for (let step = 0; step < 1000; step += 1) progress.advance(1000);
  progress.end();
  const lines = stderr().trim().split("\n");
  expect(lines).toHaveLength(10);
  expect(lines[4]).toBe("database: 50 % of 1.0 MB");
  expect(stderr()).not.toMatch(/[\r\u001b]/);
});

test("writes a line each half minute into a log where the total is unknown", () => {
  const { terminal, stderr, pass } = scene();
  const progress = terminal.progress("storage", "objects");
  for (let second = 0; second < 65; second += 1) {
    pass(1000);
    progress.advance(2);
  }
  expect(stderr()).toBe("storage: 60 objects\nstorage: 120 objects\n");
});

test("draws a bar for eyes, puts lines above it, and takes it away", () => {
  const { terminal, stderr, pass } = scene({ isTTY: true });
  const progress = terminal.progress("database", "bytes", 1000);
  progress.advance(500);
  progress.advance(100);
  pass(200);
  progress.advance(0);
  terminal.logger.info("a line");
  progress.end();
  const clear = "\r\u001b[K";
  const half = `[${"#".repeat(15)}${".".repeat(15)}] database: 50 % of 1.0 kB`;
  const more = `[${"#".repeat(18)}${".".repeat(12)}] database: 60 % of 1.0 kB`;
  expect(stderr()).toBe(`${half}${clear}${more}${clear}a line\n${more}${clear}`);
});

test.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1000, "1.0 kB"],
  [1_234_567_890, "1.2 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
