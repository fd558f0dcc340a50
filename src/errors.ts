import { type ErrorCode, type ErrorEntry, errorCatalogue } from "./error-catalogue.ts";
import { foreignMeaning } from "./foreign-errors.ts";

export type { ErrorCode };

export interface ErrorDetails {
  /** What to do about this very case; the catalogue's general cure is used where none is given. */
  readonly hint?: string;
  readonly cause?: unknown;
  /**
   * What may name tables, columns or objects: a program's stderr, a list of names. Shown only where names from inside
   * the backup may be shown, never in a public repository's logs.
   */
  readonly inside?: string;
  /** The sentence without names from inside, where `message` has some; the catalogue's cure then stands for `hint`. */
  readonly publicSentence?: string;
}

/**
 * One failure that a person will read. `message` is one plain sentence without secrets and, because logs of a
 * public repository are public, without names from inside the backup unless there is a `publicSentence` beside it.
 */
export class LifeboatError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly inside: string | undefined;
  readonly publicSentence: string | undefined;

  constructor(code: ErrorCode, sentence: string, details: ErrorDetails = {}) {
    super(sentence, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "LifeboatError";
    this.code = code;
    this.inside = details.inside;
    this.publicSentence = details.publicSentence;
    this.hint = details.hint ?? errorCatalogue[code].cure;
  }

  /** "user": the inputs or the surroundings must change; "ours": the work failed or a check said no. */
  get family(): "user" | "ours" {
    return this.#entry.family;
  }

  get exitCode(): 1 | 2 | 3 | 4 {
    return this.#entry.exitCode;
  }

  /** What may be said where everybody reads it: no name from inside the backup. */
  get publicly(): { readonly sentence: string; readonly hint: string } {
    if (this.publicSentence === undefined) return { sentence: this.message, hint: this.hint };
    return { sentence: this.publicSentence, hint: this.#entry.cure };
  }

  get #entry(): ErrorEntry {
    return errorCatalogue[this.code];
  }
}

/**
 * Any thrown value as one of ours, with itself as the cause: what others' errors mean where that can be foreseen, and
 * `unexpected` for strangers.
 */
export function asLifeboatError(thrown: unknown): LifeboatError {
  if (thrown instanceof LifeboatError) return thrown;
  const meaning = foreignMeaning(thrown);
  if (meaning !== undefined) return new LifeboatError(meaning.code, meaning.sentence, { cause: thrown });
  const sentence = thrown instanceof Error ? thrown.message : String(thrown);
  return new LifeboatError("unexpected", sentence || "An error without a message was thrown.", {
    cause: thrown,
  });
}
