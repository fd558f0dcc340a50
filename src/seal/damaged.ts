/** The one error of every check in this folder that says: these stored bytes are not what was sealed. */
import { LifeboatError } from "../errors.ts";

/** `what` completes the sentence "The sealed file is damaged: …". */
export function damaged(what: string, cause?: unknown): LifeboatError {
  return new LifeboatError("sealed-file-damaged", `The sealed file is damaged: ${what}.`, { cause });
}
