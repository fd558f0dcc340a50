/** A stand-in for the part of GitHub's contents API that the ledger uses; it refuses what moved meanwhile. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { githubLedger } from "../../../src/ledger/github-branch.ts";
import { systemClock } from "../../../src/system/clock.ts";

const blobSha = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

interface Body {
  readonly content?: string;
  readonly sha?: string;
}

export async function contentsApi() {
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
    apiUrl,
    files,
    state,
    open,
    [Symbol.asyncDispose]: async () => {
      await new Promise((done) => server.close(done));
    },
  };
}
