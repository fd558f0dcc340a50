/** A backup's SQL with a superuser's rights, against secrets and sockets of the process that runs the check. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Major, serverBinDir } from "../../support/postgres-programs.ts";
import { canSudo, isRoot, placeOf, runAs, type Who } from "./as-user.ts";
import type { Given, Outcome } from "./attacked-process.ts";

const major: Major = 15;
let binDir: string;
beforeAll(async () => {
  binDir = (await serverBinDir(major)) ?? "";
});

async function attack(who: Who, confined: boolean): Promise<Outcome> {
  await using place = await placeOf(who);
  const token = randomBytes(16).toString("hex");
  const openFile = join(place.folder, "handed-down");
  await writeFile(openFile, `OPEN_${token}\n`, { mode: 0o600 });
  const given: Given = { confined, token, home: place.home, runnerTemp: place.runnerTemp, binDir };
  const environment = { LIFEBOAT_IDENTITY: `ENV_${token}`, HOME: place.home, RUNNER_TEMP: place.runnerTemp };
  return await runAs<Outcome>("attacked-process.ts", given, { who, place, environment, openFile });
}

const ways: readonly (readonly [Who, string])[] = [
  ["user", "user"],
  ...(isRoot ? ([["root", "root"]] as const) : []),
  ...(isRoot && canSudo ? ([["sudoer", "sudo"]] as const) : []),
];

describe.each(ways)("as %s", (who, way) => {
  test("no attack gets a secret, a socket or a file", async () => {
    const { succeeded, failed, left, way: taken } = await attack(who, true);
    console.log(
      `sandbox as ${who}: ${succeeded.length} of ${succeeded.length + failed.length} attacks succeeded`,
    );
    expect(taken).toBe(way);
    expect(succeeded).toEqual([]);
    expect(failed.length).toBeGreaterThan(60);
    expect(left).toEqual([]);
  });
});

test("without the sandbox the same attacks succeed, so that their failing proves something", async () => {
  const { succeeded, live } = await attack("user", false);
  console.log(`without sandbox: ${succeeded.length} succeeded`);
  expect(succeeded).toEqual(expect.arrayContaining([...live]));
});
