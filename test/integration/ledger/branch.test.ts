/** The ledger on a branch, against a stand-in for GitHub's contents API that refuses what moved meanwhile. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { githubLedger } from "../../../src/ledger/github-branch.ts";
import { witnessOf } from "../../../src/ledger/record.ts";
import { systemClock } from "../../../src/system/clock.ts";

const blobSha = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

interface Body {
  readonly content?: string;
  readonly sha?: string;
}

async function contentsApi() {
  const files = new Map<string, Buffer>();
  const state = { hasBranch: false, busy: 0, refused: 0 };
  const answerTo = (
    method: string,
    path: string,
    body: Body,
  ): [status: number, document?: object | Buffer] => {
    if (state.busy > 0) {
      state.busy -= 1;
      return [503];
    }
    if (path === "/git/trees" || path === "/git/commits") return [201, { sha: "a".repeat(40) }];
    if (path === "/git/refs") {
      const had = state.hasBranch;
      state.hasBranch = true;
      return [had ? 422 : 201];
    }
    const known = files.get(path);
    if (method === "GET") return known === undefined ? [404] : [200, known];
    if (!state.hasBranch) return [404];
    // GitHub: 409 where the given blob is not the present one, 422 where none is given for a file that is there.
    if (known !== undefined && body.sha !== blobSha(known)) {
      state.refused += 1;
      return [body.sha === undefined ? 422 : 409];
    }
    files.set(path, Buffer.from(body.content ?? "", "base64"));
    return [known === undefined ? 201 : 200];
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = new URL(request.url ?? "/", "http://x").pathname.replace("/repos/acme/app", "");
      const text = Buffer.concat(chunks).toString();
      const body = (text === "" ? {} : JSON.parse(text)) as Body;
      const isOurs = request.headers.authorization === "Bearer right";
      const [status, document = {}] = isOurs ? answerTo(request.method ?? "GET", path, body) : [403];
      response.writeHead(status).end(Buffer.isBuffer(document) ? document : JSON.stringify(document));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const open = (token = "right") =>
    githubLedger({
      repository: { owner: "acme", name: "app" },
      token,
      apiUrl,
      clock: systemClock,
      sleep: () => new Promise((resolve) => setTimeout(resolve, Math.random() * 20)),
    });
  return {
    files,
    state,
    open,
    [Symbol.asyncDispose]: async () => {
      await new Promise((done) => server.close(done));
    },
  };
}

const entry = (n: number) => ({
  act: "verify",
  source: "database",
  store: "artifacts:",
  heads: [
    { id: `20261123T0312${String(n).padStart(2, "0")}Z-9f2c51e0a7b4`, sha256: "0".repeat(64), tiers: [] },
  ],
  witnessed: [createHash("sha256").update(String(n)).digest("hex")],
  by: { name: "octocat" },
  time: new Date().toISOString(),
});

test("makes its branch, keeps every record of acts at the same time, and each names the one before", async () => {
  await using api = await contentsApi();
  await Promise.all(Array.from({ length: 4 }, (_, n) => api.open().append(entry(n))));
  expect(api.state.refused).toBeGreaterThan(0);
  const { records, problems } = await api.open().read();
  expect(records).toHaveLength(4);
  expect(problems).toEqual([]);
  const hashes = new Set(records.map(({ sha256 }) => sha256));
  expect(records.filter(({ previous }) => previous.length === 0)).toHaveLength(1);
  expect(records.flatMap(({ previous }) => previous).every((one) => hashes.has(one))).toBe(true);
  expect(witnessOf({ records, problems }, "database", "artifacts:").heads).toHaveLength(4);
});

test("says what is damaged, and does not take trouble for an empty ledger", async () => {
  await using api = await contentsApi();
  await api.open().append(entry(1));
  api.state.busy = 3;
  expect((await api.open().read()).records).toHaveLength(1);
  const [path, bytes] = [...api.files][0]!;
  api.files.set(path, Buffer.from(bytes.toString().replace("octocat", "mallory")));
  expect((await api.open().read()).problems).toEqual(["Record 1 of the ledger is damaged."]);
  await expect(api.open("wrong").read()).rejects.toMatchObject({ code: "store-permission-missing" });
  api.state.busy = 1000;
  await expect(api.open().read()).rejects.toMatchObject({ code: "store-temporary" });
});
