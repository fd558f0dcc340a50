/** What a load's first try left out, tried again when its time has come; what is still refused then is told. */
import { readPart } from "./restore-stream.ts";
import type { Loading } from "./load-options.ts";
import { type Attempted, type Outcome, type Refusal, rootsOf } from "./refusal.ts";
import { retryEntries } from "./retry-entries.ts";
import { lookAgain, retryRows, type SteppedAside } from "./retry-rows.ts";
import { readPartToc } from "./restore-rows.ts";
import type { ArchiveToc } from "./restore-toc.ts";

const maxArchiveBytes = 1024 * 1024 * 1024;

export class SecondTry {
  readonly #options: Loading;
  readonly #name: string;
  readonly #changed: Refusal[] = [];
  readonly #apart: Attempted[] = [];
  #entries: readonly Attempted[] = [];
  #rows: readonly Attempted[] = [];
  #aside: readonly SteppedAside[] = [];
  #archive: Promise<Buffer> | undefined;
  #toc: Promise<ArchiveToc> | undefined;

  /** `name`: the schema archive's. */
  constructor(options: Loading, name: string) {
    this.#options = options;
    this.#name = name;
  }

  /** After the definitions, and again after all that needs the rows. */
  async afterDefinitions(): Promise<void> {
    const { connection, tools, refused, source, searchPath, withoutOwner } = this.#options;
    if (refused.size === 0) return;
    const toc = await this.#readToc();
    const { left, changed } = await retryEntries(
      {
        connection,
        tools,
        archive: () =>
          (this.#archive ??= readPart({ source, name: this.#name, zstd: tools.zstd }, maxArchiveBytes)),
        argumentsFor: ({ dumpId }) => [
          ...(this.#options.isOwnerless === true || withoutOwner?.has(dumpId) === true ? ["--no-owner"] : []),
          ...(this.#options.isUnplaced === true ? ["--no-tablespaces"] : []),
        ],
        searchPath: searchPath ?? '"$user", public',
      },
      // An extension brings its own.
      toc.entries.filter(
        ({ dumpId, kind, tag }) =>
          refused.has(dumpId) && !(kind === "COMMENT" && tag.startsWith("EXTENSION ")),
      ),
    );
    const stillThere = new Set(left.map(({ entry }) => entry.dumpId));
    for (const id of refused) if (!stillThere.has(id)) refused.delete(id);
    this.#entries = left;
    this.#changed.push(...changed);
  }

  async afterRows(): Promise<void> {
    const { connection, tools, source, searchPath, refusedRows } = this.#options;
    const {
      left,
      changed,
      lookAgain: aside,
    } = await retryRows({
      connection,
      tools,
      source,
      searchPath: searchPath ?? '"$user", public',
      refused: refusedRows,
    });
    this.#rows = left;
    this.#aside = aside;
    this.#changed.push(...changed);
  }

  /** For good: what was not pg_restore's to make. */
  leave(one: Attempted): void {
    this.#apart.push(one);
  }

  take({ left, changed }: Outcome): void {
    if (left !== undefined) this.leave(left);
    if (changed !== undefined) this.#changed.push(changed);
  }

  /** Once everything that checks may read is there. */
  async lookAgain(): Promise<void> {
    this.#changed.push(...(await lookAgain(this.#options.connection, this.#aside)));
    this.#aside = [];
  }

  async refusals(): Promise<readonly Refusal[]> {
    await this.lookAgain();
    const left = [...this.#entries, ...this.#apart];
    const roots = left.length === 0 ? [] : rootsOf(await this.#readToc(), left);
    const missing = new Set([...roots.flatMap(({ entry, dependents }) => [entry, ...dependents])].map(keyOf));
    const rows = this.#rows
      .filter(({ entry }) => !missing.has(keyOf(entry)))
      .map(({ entry, refused }): Refusal => ({
        entry,
        refused,
        outcome: "missing",
        command: "",
        dependents: [],
      }));
    return [...rows, ...roots, ...this.#changed];
  }

  #readToc(): Promise<ArchiveToc> {
    return (this.#toc ??= readPartToc(this.#options.source, this.#options.tools, this.#name));
  }
}

/** A table, and its rows, which stand in another archive under another number. */
function keyOf({
  schema,
  tag,
  kind,
}: {
  readonly schema: string;
  readonly tag: string;
  readonly kind: string;
}): string {
  const of = kind.replace(/^(TABLE|SEQUENCE) (?:DATA|SET)$/, "$1");
  return JSON.stringify([of, schema, tag]);
}
