import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { openClient } from "../../src/postgres/client.ts";
import { parseConnection } from "../../src/postgres/connection.ts";
import { isRunning } from "./install-once.ts";
import { majorsAvailable, startServer } from "./servers.ts";

const [major] = await majorsAvailable([15]);

describe.skipIf(major === undefined)("a test server", () => {
  test("is reached over TCP with its password, takes settings and SQL, and leaves nothing", async () => {
    const server = await startServer(major!, { settings: { timezone: "Asia/Tokyo" } });
    await server.createDatabase('a "b" c', { encoding: "LATIN1", locale: "C" });
    const client = await openClient(parseConnection(server.url('a "b" c'), "test's URL"));
    const encoding = await client.query<{ server_encoding: string }>("show server_encoding");
    await client.end();
    expect(encoding.rows).toEqual([{ server_encoding: "LATIN1" }]);
    expect(await server.sql("postgres", "select 1; show timezone")).toEqual([{ TimeZone: "Asia/Tokyo" }]);
    await server.stop();
    expect(existsSync(dirname(server.dataDir))).toBe(false);
  });

  test("ends with the test process, even one killed outright", async () => {
    const module = pathToFileURL(`${import.meta.dirname}/servers.ts`).href;
    const script = `
      import { readFileSync } from "node:fs";
      import { startServer } from ${JSON.stringify(module)};
      const { dataDir } = await startServer(${major});
      console.log(JSON.stringify({ dataDir, pid: Number(readFileSync(dataDir + "/postmaster.pid", "utf8").split("\\n")[0]) }));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { dataDir, pid } = JSON.parse(await firstLine(child)) as { dataDir: string; pid: number };
    expect(isRunning(pid)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "close");
    for (let tries = 0; tries < 100 && (isRunning(pid) || existsSync(dataDir)); tries++) await sleep(100);
    expect(isRunning(pid)).toBe(false);
    expect(existsSync(dataDir)).toBe(false);
  });
});

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout!) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return text;
}
