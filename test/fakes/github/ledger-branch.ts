/** The contents API of one branch without a file to begin with, as the ledger uses it; it refuses what moved meanwhile. */
import { createHash } from "node:crypto";

export interface ContentsBody {
  readonly content?: string;
  readonly sha?: string;
  readonly branch?: string;
}

export type ContentsAnswer = readonly [status: number, document?: object | Buffer];

const digest = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");
const blobSha = (bytes: Buffer): string =>
  digest(Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]));
const anySha = "a".repeat(40);

export class LedgerBranch {
  /** By their path: `ledger/2026/11.jsonl`. */
  readonly files = new Map<string, Buffer>();
  exists = false;
  /** How often a writer came too late. */
  refused = 0;
  readonly #url: string;

  constructor(url = "https://api.github.com/repos/acme/app") {
    this.#url = url;
  }

  /** Undefined for every other path below the repository's. */
  answer(method: string, path: string, body: ContentsBody): ContentsAnswer | undefined {
    if (method === "POST" && path === "/git/trees") return [201, this.#tree()];
    if (method === "POST" && path === "/git/commits") return [201, this.#commit()];
    if (method === "POST" && path === "/git/refs") {
      if (this.exists) return [422, { message: "Reference already exists" }];
      this.exists = true;
      return [201, this.#reference()];
    }
    const [, name] = /^\/contents\/(.+)$/.exec(path) ?? [];
    if (name === undefined) return undefined;
    if (method === "PUT") return this.#put(name, body);
    return method === "GET" ? this.#get(name) : undefined;
  }

  #get(name: string): ContentsAnswer {
    const known = this.files.get(name);
    if (known !== undefined) return [200, known];
    const below = [...this.files.keys()].filter((path) => path.startsWith(`${name}/`));
    return below.length === 0
      ? [404, { message: "Not Found" }]
      : [200, below.map((path) => this.#entry(path))];
  }

  #put(name: string, { content = "", sha }: ContentsBody): ContentsAnswer {
    if (!this.exists) return [404, { message: "Branch lifeboat-ledger not found" }];
    const known = this.files.get(name);
    // GitHub: 409 where the given blob is not the present one, 422 where none is given for a file that is there.
    if (known !== undefined && sha !== blobSha(known)) {
      this.refused += 1;
      return [sha === undefined ? 422 : 409, { message: `${name} does not match ${sha ?? ""}` }];
    }
    this.files.set(name, Buffer.from(content, "base64"));
    return [known === undefined ? 201 : 200, { content: this.#entry(name), commit: this.#commit() }];
  }

  #entry(path: string): object {
    const bytes = this.files.get(path)!;
    const sha = blobSha(bytes);
    const [url, git] = [`${this.#url}/contents/${path}`, `${this.#url}/git/blobs/${sha}`];
    const name = path.slice(path.lastIndexOf("/") + 1);
    return {
      ...{ type: "file", name, path, sha, size: bytes.length, url, git_url: git, html_url: url },
      ...{ download_url: url, _links: { self: url, git, html: url } },
    };
  }

  #tree(): object {
    return { sha: anySha, url: `${this.#url}/git/trees/${anySha}`, truncated: false, tree: [] };
  }

  #commit(): object {
    const who = { name: "github-actions[bot]", email: "bot@example.org", date: "2026-01-01T00:00:00Z" };
    const url = `${this.#url}/git/commits/${anySha}`;
    return {
      ...{ sha: anySha, node_id: "C_1", url, html_url: url, message: "Record", author: who, committer: who },
      tree: { sha: anySha, url: `${this.#url}/git/trees/${anySha}` },
      parents: [],
      verification: {
        verified: false,
        reason: "unsigned",
        signature: null,
        payload: null,
        verified_at: null,
      },
    };
  }

  #reference(): object {
    const object = { type: "commit", sha: anySha, url: `${this.#url}/git/commits/${anySha}` };
    const ref = "refs/heads/lifeboat-ledger";
    return { ref, node_id: "REF_1", url: `${this.#url}/git/${ref}`, object };
  }
}
