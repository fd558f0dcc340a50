/** One server per major and test file, started by the first test that asks, ended after the last. */
import { afterAll } from "vitest";
import { type Major, startServer, type TestServer } from "./servers.ts";

const started = new Map<Major, Promise<TestServer>>();

/** The file's server of this major with default options. */
export function sharedServer(major: Major): Promise<TestServer> {
  let server = started.get(major);
  if (server === undefined) {
    server = startServer(major);
    started.set(major, server);
  }
  return server;
}

afterAll(async () => {
  for (const server of started.values()) await (await server.catch(() => undefined))?.stop();
});
