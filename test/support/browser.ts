/** Debian's Chromium, driven by playwright-core; undefined, with a warning, where it is not installed. */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium } from "playwright-core";

const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);
if (program === undefined) {
  console.warn("SKIPPED: no Chromium here, so no page is looked at. Install it: apt-get install chromium");
}

export const hasBrowser = program !== undefined;

export async function openBrowser(): Promise<Browser> {
  if (program === undefined) throw new Error("There is no Chromium on this machine.");
  // Chromium's own sandbox refuses root, who runs the tests in containers; only our own pages are opened.
  return await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
}

export interface ServedPage extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, in their order. */
  readonly asked: readonly string[];
}

/** `page` at every path of a real server, as GitHub Pages would serve it. */
export async function serve(page: string): Promise<ServedPage> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
