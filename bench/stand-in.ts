/** The tests' stand-in for the Storage API, in a process of its own, so that it does not eat the client's time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ServeOptions } from "../test/fakes/storage/serve.ts";

export interface StandIn extends AsyncDisposable {
  readonly url: string;
  readonly secretKey: string;
  readonly serviceKey: string;
}

export async function startStandIn(options: ServeOptions): Promise<StandIn> {
  const script = join(import.meta.dirname, "../test/fakes/storage/serve.ts");
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const { url, secretKey, serviceKey } = JSON.parse(line) as StandIn;
  return {
    url,
    secretKey,
    serviceKey,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "close");
      child.stdin.end();
      await ended;
    },
  };
}
