/** Verifies a snapshot at level `restored` beside secrets of its own, and says what the snapshot's SQL got of them. */
import { readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { verifySnapshot } from "../../../src/operations/verify-snapshot.ts";
import { findClientTools } from "../../../src/postgres/client-tools.ts";
import { withClient } from "../../../src/postgres/client.ts";
import { parseIdentities } from "../../../src/seal/identities.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

export interface GivenSnapshot {
  readonly store: string;
  readonly identity: string;
  readonly id: string;
  readonly source: string;
  readonly trustContents: boolean;
  /** As on a machine without bubblewrap. */
  readonly withoutIsolation: boolean;
  readonly token: string;
  readonly port: number;
  readonly home: string;
  readonly runnerTemp: string;
  readonly binDir: string;
}

export interface Got {
  readonly verdict: string;
  readonly codes: readonly string[];
  readonly complaints: readonly string[];
  /** Rows with a secret. */
  readonly secrets: number;
  readonly connections: number;
  readonly files: readonly string[];
  /** Shapes whose SQL ran. */
  readonly shapes: readonly string[];
}

const given = JSON.parse(process.argv[2] ?? "") as GivenSnapshot;
const { token, home, runnerTemp } = given;
writeFileSync(join(home, "secret"), `HOME_${token}\n`, { mode: 0o600 });
writeFileSync(join(runnerTemp, "secret"), `FILE_${token}\n`, { mode: 0o644 });
let connections = 0;
const listener = createServer((socket) => {
  connections += 1;
  socket.on("error", () => {}).end();
});
await new Promise<void>((resolve) => listener.listen(given.port, "127.0.0.1", resolve));
const [clock, logger] = [systemClock, silentLogger];
let [secrets, shapes]: [number, readonly string[]] = [0, []];

const report = await verifySnapshot(
  {
    source: given.source,
    choice: { kind: "id", id: given.id },
    level: "restored",
    identities: parseIdentities(given.identity),
    waive: [],
    signer: undefined,
    server: undefined,
    jobs: 2,
    trustContents: given.trustContents,
    drill: {
      whileRestored: async (connection) => {
        await withClient(connection, async (sql) => {
          const loot = await sql.query<{ t: string }>("select t from app.loot");
          secrets = loot.rows.filter(({ t }) => t.includes(token)).length;
          const ran = await sql.query<{ t: string }>("select distinct t from app.reached order by 1");
          shapes = ran.rows.map(({ t }) => t);
        });
      },
    },
  },
  {
    store: directoryStore({ path: given.store, clock, logger }),
    clock,
    logger,
    zstd: "zstd",
    temporaryFolder: runnerTemp,
    signal: new AbortController().signal,
    lifeboatVersion: "0.0.0",
    clientTools: async (major) => {
      const tools = await findClientTools(major, given.binDir);
      if (tools === undefined) throw new Error("no tools");
      return tools;
    },
    serverPrograms: () => Promise.resolve(),
    extensionPackages: () => Promise.resolve(),
    ...(given.withoutIsolation
      ? { isolation: () => Promise.resolve({ missing: "It is missing.", cure: "Run `cure`." }) }
      : {}),
  },
);
const got: Got = {
  verdict: report.verdict,
  codes: report.components.flatMap(({ findings }) => findings.map(({ code }) => code)),
  complaints: report.components.flatMap(({ component, findings }) =>
    findings.filter(({ level }) => level !== "info").map(({ sentence }) => `${component}: ${sentence}`),
  ),
  secrets,
  connections,
  files: readdirSync(runnerTemp).filter((name) => name.startsWith("made-")),
  shapes,
};
process.stdout.write(JSON.stringify(got));
process.exit(0);
