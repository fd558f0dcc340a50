import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRunContext } from "../../../src/runner/environment.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "event-"))));
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["a private repository", JSON.stringify({ repository: { private: true } }), "names"],
  ["a public repository", JSON.stringify({ repository: { private: false } }), "numbers"],
  [
    "a payload without a repository, as of some scheduled runs",
    JSON.stringify({ schedule: "0 3 * * *" }),
    "numbers",
  ],
  ["a payload that says it in a string", JSON.stringify({ repository: { private: "true" } }), "numbers"],
  ["a broken payload", "{", "numbers"],
])("for %s names inside a backup are disclosed: %s", (_, payload, disclosure) => {
  const path = join(folder, "event.json");
  writeFileSync(path, payload);
  expect(readRunContext({ GITHUB_EVENT_PATH: path }).disclosure).toBe(disclosure);
});

test("has a value for everything where no runner is", () => {
  expect(readRunContext({})).toMatchObject({
    disclosure: "numbers",
    runAttempt: 1,
    runUrl: undefined,
    apiUrl: "https://api.github.com",
    temporaryFolder: tmpdir(),
    artifactRetentionDays: undefined,
  });
});

test("knows the page of the run", () => {
  const context = readRunContext({
    GITHUB_REPOSITORY: "octo/app",
    GITHUB_RUN_ID: "7",
    GITHUB_SERVER_URL: "https://octo.ghe.com/",
    GITHUB_RETENTION_DAYS: "90",
  });
  expect(context.runUrl).toBe("https://octo.ghe.com/octo/app/actions/runs/7");
  expect(context.artifactRetentionDays).toBe(90);
});
