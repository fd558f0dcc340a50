/** What a job with secrets runs comes from a signed index, never from a folder or a cache that others fill. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureClientTools } from "../../../src/postgres/install-programs.ts";
import { silentLogger } from "../../../src/system/logger.ts";

const root = join(import.meta.dirname, "../../..");

test("no source and no dependency fetches anything from a cache of GitHub's", () => {
  const files = readdirSync(root + "/src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join("src", name));
  expect(files.length).toBeGreaterThan(300);
  for (const file of [...files, "package.json", "package-lock.json"]) {
    expect(readFileSync(join(root, file), "utf8"), file).not.toMatch(/actions\/cache|Dir::Cache/);
  }
});

test.skipIf(!readdirSync("/usr/bin").includes("apt-get"))(
  "apt fetches anew, and refuses what is not signed",
  async () => {
    const commands: string[] = [];
    const installer = {
      mayInstall: () => Promise.resolve(true),
      runAsRoot: (program: string, args: readonly string[]) => {
        commands.push([program, ...args].join(" "));
        return Promise.resolve(false);
      },
    };
    await expect(ensureClientTools(99, { installer, logger: silentLogger })).rejects.toMatchObject({
      code: "client-tools-missing",
    });
    expect(commands[0]).toBe("apt-get clean");
    const fetching = commands.filter((command) => / (?:install|update)\b/.test(command));
    expect(fetching).toHaveLength(4);
    for (const command of fetching) expect(command).toContain("APT::Get::AllowUnauthenticated=false");
  },
);
