/** A whole backup whose SQL is hostile in every place where SQL runs, verified beside secrets by an ordinary user. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { majorsWithClients } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { backUp, connectionTo, newSafe, type Safe } from "../backup/backing-up.ts";
import { isRoot, type Place, placeOf, runAs } from "./as-user.ts";
import { armed, bodyOf, databaseOfShapes, shapes } from "./shapes.ts";
import type { Got, GivenSnapshot } from "./shapes-process.ts";

const [major] = await majorsWithClients([15]);

let safe: Safe;
let place: Place;
let binDir: string;
let identity: string;
let port: number;
const ids: Record<"hostile" | "honest", string> = { hostile: "", honest: "" };

function triesOf({ home, runnerTemp }: Place): readonly string[] {
  const program = (command: string): string =>
    `execute $try$ copy app.loot from program '${command.replaceAll("'", "''")}' $try$`;
  return [
    program("cat /proc/[0-9]*/environ 2>&1 | tr -d '\\000\\\\'"),
    `execute $try$ copy app.loot from '${runnerTemp}/secret' $try$`,
    `insert into app.loot select pg_catalog.pg_read_file('${home}/secret')`,
    `insert into app.loot select pg_catalog.convert_from(pg_catalog.lo_get(pg_catalog.lo_import('${runnerTemp}/secret')), 'UTF8')`,
    `perform pg_catalog.lo_export(pg_catalog.lo_from_bytea(0, 'x'), '${runnerTemp}/made-' || pg_catalog.txid_current())`,
    program(`bash -c 'exec 5<>/dev/tcp/127.0.0.1/${port}' 2>&1`),
    `execute $try$ set session authorization default; copy app.loot from program 'cat ${home}/secret' $try$`,
  ];
}

beforeAll(async () => {
  if (major === undefined) return;
  const own = await generateIdentity({ postQuantum: false, created: new Date(0) });
  identity = own.fileText;
  safe = {
    ...(await newSafe()),
    recipients: parseRecipients([own.recipient]),
    identities: parseIdentities(identity),
  };
  place = await placeOf("user");
  port = await freePort();
  const server = await sharedServer(major);
  binDir = server.binDir;
  const tries = triesOf(place);
  for (const kind of ["honest", "hostile"] as const) {
    await server.createDatabase(kind);
    await server.sql(kind, databaseOfShapes(kind));
    if (kind === "hostile") await server.sql(kind, armed(bodyOf(tries)));
    ids[kind] = (await backUp(safe, connectionTo(server, kind), { source: kind })).snapshot.id;
  }
  execFileSync("cp", ["-r", join(safe.folder, "store"), join(place.runnerTemp, "store")]);
  if (isRoot) execFileSync("chown", ["-R", "--reference", place.runnerTemp, join(place.runnerTemp, "store")]);
});
afterAll(async () => {
  await safe[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function verifying(kind: "hostile" | "honest", more: Partial<GivenSnapshot> = {}): Promise<Got> {
  const token = randomBytes(16).toString("hex");
  const { home, runnerTemp } = place;
  const given: GivenSnapshot = {
    ...{ store: join(runnerTemp, "store"), identity, id: ids[kind], source: kind },
    ...{ trustContents: false, withoutIsolation: false, token, port, home, runnerTemp, binDir },
    ...more,
  };
  const environment = { LIFEBOAT_IDENTITY: `ENV_${token}`, HOME: home, RUNNER_TEMP: runnerTemp };
  return await runAs<Got>("shapes-process.ts", given, { who: "user", place, environment });
}

test.skipIf(major === undefined)(
  "nothing hostile in a backup gets a secret, a connection or a file",
  async () => {
    const got = await verifying("hostile");
    const count = shapes.length * triesOf(place).length;
    console.log(
      `backup's SQL: ${got.secrets + got.connections + got.files.length} of ${count} tries succeeded; ` +
        `${got.shapes.length} of ${shapes.length} shapes ran: ${got.shapes.join(", ")}; ${got.verdict}: ${got.complaints.join(" | ")}`,
    );
    expect(got).toMatchObject({ secrets: 0, connections: 0, files: [] });
  },
);

test.skipIf(major === undefined)("an honest backup of the same shapes passes", async () => {
  const got = await verifying("honest");
  // Its type's input functions are of the language `internal`, which only trusted contents may use.
  expect(got.complaints.filter((line) => !line.includes("Language internal is not trusted"))).toEqual([]);
  expect(got).toMatchObject({ verdict: "not-verified", secrets: 0, connections: 0 });
  const trusted = await verifying("honest", { trustContents: true });
  expect(trusted.complaints).toEqual([]);
  expect(trusted).toMatchObject({ verdict: "passed", secrets: 0, connections: 0 });
});

test.skipIf(major === undefined)(
  "where nothing isolates, nothing runs unless the author is trusted",
  async () => {
    const refused = await verifying("hostile", { withoutIsolation: true });
    expect(refused).toMatchObject({ verdict: "not-verified", secrets: 0, connections: 0, shapes: [] });
    expect(refused.codes).toContain("isolation-missing");
    const trusted = await verifying("honest", { withoutIsolation: true, trustContents: true });
    expect(trusted.verdict).toBe("passed");
    expect(trusted.codes).toContain("contents-trusted");
  },
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: free } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return free;
}
