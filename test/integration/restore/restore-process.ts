/** A restore in place in a process of its own, for tests that kill it: `backup.json`, socket folder, database. */
import { readFileSync } from "node:fs";
import type { Contents } from "../../../src/snapshot/contents.ts";
import { sourceOf } from "./real-backups.ts";
import { restore } from "./restoring.ts";

const [file = "", host = "", database = ""] = process.argv.slice(2);
const { contents, parts } = JSON.parse(readFileSync(file, "utf8")) as {
  contents: Contents;
  parts: Record<string, string>;
};
const bytes = new Map(Object.entries(parts).map(([name, text]) => [name, Buffer.from(text, "base64")]));
await restore(
  { contents, source: sourceOf(bytes) },
  {
    target: { host, port: 5432, user: "postgres", database, sslMode: "disable", sslModeChosen: true },
    mode: { kind: "in-place" },
    confirm: database,
  },
  {
    verifyRestored: () => {
      process.stdout.write("verified\n");
      return Promise.resolve({ verdict: "passed", findings: [] });
    },
  },
);
