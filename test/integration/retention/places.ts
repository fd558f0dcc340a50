/** Every kind of store that prune works on, real but for GitHub. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directoryStore } from "../../../src/store/directory.ts";
import { parseS3Address } from "../../../src/store/s3-address.ts";
import { s3Store } from "../../../src/store/s3.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { artifactsIn } from "../../fakes/github/artifact-store.ts";
import { credentials, startS3Server } from "../../support/s3-server.ts";

export interface Place extends AsyncDisposable {
  readonly store: Store;
  /** Where each backup is a workflow run of its own: the store in the next one. */
  readonly nextRun?: () => Store;
  /** The same place, seen by another process. */
  readonly another: () => Store;
}

export async function directory(): Promise<Place & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "lifeboat-prune-"));
  const another = () => directoryStore({ path, clock: systemClock, logger: silentLogger });
  return {
    path,
    store: another(),
    another,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export async function bucket(
  program: string,
  kind: "plain" | "lock" = "plain",
  options = "",
): Promise<Place> {
  const server = await startS3Server(program);
  const name = await server.bucket(kind);
  const address = parseS3Address(`s3://${name}/backups?endpoint=${server.endpoint}${options}`);
  const another = () => s3Store({ address, clock: systemClock, logger: silentLogger, credentials });
  return { store: another(), another, [Symbol.asyncDispose]: server.close };
}

export async function artifacts(now: () => Date): Promise<Place> {
  const place = await artifactsIn({ now });
  let run = place.run;
  return {
    get store() {
      return place.open(run);
    },
    nextRun: () => place.open((run = place.github.state.addRun())),
    another: () => place.open(run),
    [Symbol.asyncDispose]: place.close,
  };
}
