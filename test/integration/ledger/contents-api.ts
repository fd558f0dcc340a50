/** A stand-in for the part of GitHub's contents API that the ledger uses, which may be busy, on its own port. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { githubLedger } from "../../../src/ledger/github-branch.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { type ContentsAnswer, type ContentsBody, LedgerBranch } from "../../fakes/github/ledger-branch.ts";

export async function contentsApi() {
  const branch = new LedgerBranch();
  const state = { busy: 0, requests: 0 };
  const answerTo = (method: string, path: string, body: ContentsBody): ContentsAnswer => {
    state.requests += 1;
    if (state.busy === 0) return branch.answer(method, path, body) ?? [404];
    state.busy -= 1;
    return [503];
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = new URL(request.url ?? "/", "http://x").pathname.replace("/repos/acme/app", "");
      const text = Buffer.concat(chunks).toString();
      const body = (text === "" ? {} : JSON.parse(text)) as ContentsBody;
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
    branch,
    files: branch.files,
    state,
    open,
    [Symbol.asyncDispose]: async () => {
      await new Promise((done) => server.close(done));
    },
  };
}
