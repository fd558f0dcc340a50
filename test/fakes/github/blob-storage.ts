/** Azure block blobs behind signed URLs that expire: uploaded in blocks, downloaded whole or by range. */
import { randomUUID } from "node:crypto";
import type { Exchange, Fault } from "./exchange.ts";
import type { FakeArtifact, GitHubState } from "./state.ts";

export const blobPath = "/blob/";

export class BlobStorage {
  readonly #state: GitHubState;
  readonly #origin: () => string;
  readonly #blocks = new Map<number, Map<string, Buffer>>();
  readonly #signatures = new Map<string, { readonly artifactId: number; readonly until: number }>();
  /** GitHub's lives one minute. */
  urlLivesMs = 60_000;
  /** The next uploads whose stored bytes get one bit flipped, as a failing disk would. */
  flipNextUploads = 0;

  constructor(state: GitHubState, origin: () => string) {
    this.#state = state;
    this.#origin = origin;
  }

  signedUrl(artifact: FakeArtifact): string {
    const signature = randomUUID();
    const until = this.#state.now().getTime() + this.urlLivesMs;
    this.#signatures.set(signature, { artifactId: artifact.id, until });
    return `${this.#origin()}${blobPath}${artifact.id}/${artifact.name}?sv=2026-04-06&sig=${signature}`;
  }

  async answer(exchange: Exchange, effect: Fault["effect"] | undefined): Promise<void> {
    const artifact = this.#signed(exchange.url);
    if (artifact === undefined) {
      exchange.send(403, Buffer.from("<Error><Code>AuthenticationFailed</Code></Error>"));
    } else if (exchange.method === "PUT") {
      await this.#upload(exchange, artifact);
    } else {
      this.#download(exchange, artifact, effect);
    }
  }

  #signed(url: URL): FakeArtifact | undefined {
    const known = this.#signatures.get(url.searchParams.get("sig") ?? "");
    if (known === undefined || known.until < this.#state.now().getTime()) return undefined;
    return this.#state.artifacts.get(known.artifactId);
  }

  async #upload(exchange: Exchange, artifact: FakeArtifact): Promise<void> {
    const blocks = this.#blocks.get(artifact.id) ?? new Map<string, Buffer>();
    this.#blocks.set(artifact.id, blocks);
    const body = await exchange.body();
    if (exchange.url.searchParams.get("comp") === "block") {
      blocks.set(exchange.url.searchParams.get("blockid") ?? "", body);
    } else if (exchange.url.searchParams.get("comp") === "blocklist") {
      const ids = [...body.toString("utf8").matchAll(/<Latest>([^<]+)<\/Latest>/g)].map(([, id = ""]) => id);
      artifact.bytes = Buffer.concat(ids.map((id) => blocks.get(id) ?? Buffer.alloc(0)));
      artifact.mimeType = String(exchange.headers["x-ms-blob-content-type"] ?? artifact.mimeType);
      this.#blocks.delete(artifact.id);
      this.#flip(artifact);
    } else {
      exchange.send(400, Buffer.from("only block and blocklist"));
      return;
    }
    exchange.send(201, Buffer.alloc(0), { etag: '"0x1"', "last-modified": this.#state.now().toUTCString() });
  }

  #flip(artifact: FakeArtifact): void {
    if (this.flipNextUploads === 0 || artifact.bytes.length === 0) return;
    this.flipNextUploads -= 1;
    const middle = artifact.bytes.length >> 1;
    artifact.bytes[middle] = (artifact.bytes[middle] ?? 0) ^ 1;
  }

  #download(exchange: Exchange, artifact: FakeArtifact, effect: Fault["effect"] | undefined): void {
    const all = artifact.bytes;
    const range = /^bytes=(\d+)-(\d*)$/.exec(exchange.headers.range ?? "");
    const start = range === null ? 0 : Number(range[1]);
    const end = range?.[2] ? Math.min(Number(range[2]) + 1, all.length) : all.length;
    if (range !== null && start >= all.length) {
      exchange.send(416, Buffer.alloc(0));
      return;
    }
    const headers = {
      "content-type": artifact.mimeType,
      "content-disposition": `attachment; filename="${artifact.name}"`,
      ...(range === null ? {} : { "content-range": `bytes ${start}-${end - 1}/${all.length}` }),
    };
    const status = range === null ? 200 : 206;
    const bytes = all.subarray(start, end);
    if (effect?.kind === "truncate") exchange.breakOff(status, bytes, headers, effect.after);
    else exchange.send(status, bytes, headers);
  }
}
