/** Machines that reach the world through a proxy only: hosts that nobody but the proxy can find. */
import { execFile } from "node:child_process";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const lifeboat = resolve(import.meta.dirname, "../../support/cli-from-source.ts");

/** Answers like GitHub without a ledger, and like an empty bucket. */
function origin() {
  return createServer((request, response) => {
    const isBucket = request.url?.includes("list-type=2") === true;
    response.writeHead(isBucket ? 200 : 404, { "content-type": isBucket ? "application/xml" : "text/plain" });
    response.end(
      isBucket ? "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>" : "Not Found",
    );
  });
}

let asked: string[];
let close: () => Promise<void>;
let port: number;
beforeEach(async () => {
  asked = [];
  const behind = origin();
  await new Promise<void>((done) => behind.listen(0, "127.0.0.1", done));
  const target = (behind.address() as AddressInfo).port;
  const proxy = createServer((request, response) => {
    // Plain HTTP may come as a whole URL.
    asked.push(new URL(request.url ?? "").host);
    behind.emit("request", request, response);
  });
  proxy.on("connect", (request: IncomingMessage, socket, head: Buffer) => {
    asked.push((request.url ?? "").replace(/:80$/, ""));
    const onward = connect(target, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  port = (proxy.address() as AddressInfo).port;
  close = async () => {
    for (const server of [proxy, behind]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  };
});
afterEach(() => close());

function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: unknown; readonly output: string }> {
  const around = { PATH: process.env["PATH"] ?? "", HTTP_PROXY: `http://127.0.0.1:${port}`, ...env };
  return new Promise((done) => {
    execFile(process.execPath, [lifeboat, ...args], { env: around }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : error.code, output: stdout + stderr });
    });
  });
}

test("calls of GitHub go through it", async () => {
  const { code, output } = await run(["ledger", "verify"], {
    GITHUB_API_URL: "http://api.github.invalid",
    GITHUB_REPOSITORY: "acme/app",
    GITHUB_TOKEN: "ghs_x",
  });
  expect(output).toContain("The 0 records of acme/app@lifeboat-ledger form a whole chain.");
  expect(code).toBe(0);
  expect(new Set(asked)).toEqual(new Set(["api.github.invalid"]));
});

test("requests to an S3 store go through it, but not those to hosts that need none", async () => {
  const store = "s3://our-backups?endpoint=http://s3.invalid&path-style=true&region=eu-central-1";
  const keys = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret-of-the-example" };
  const listed = ["list", "--store", store, "--source", "database"];
  const { output } = await run(listed, keys);
  expect(output).toContain("No snapshots of");
  expect(new Set(asked)).toEqual(new Set(["s3.invalid"]));
  asked.length = 0;
  expect((await run(listed, { ...keys, NO_PROXY: "s3.invalid" })).code).not.toBe(0);
  expect(asked).toEqual([]);
});
