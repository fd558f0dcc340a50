/**
 * Text of strangers (tool output, server messages, file names) made safe to print.
 * The runner executes a line that begins with `::` and, in its old syntax, `##[` anywhere in a line; a terminal
 * executes escape sequences. None of these may come from a backup.
 */

/** `text` as lines that neither the runner nor a terminal acts upon. */
export function harmlessLines(text: string): string[] {
  return text.split(/\r\n|[\n\r\u0085\u2028\u2029]/).map(harmlessLine);
}

/** For places that take one line: line breaks become ` / `. */
export function harmlessText(text: string): string {
  return harmlessLines(text).join(" / ");
}

function harmlessLine(line: string): string {
  return line
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g, "\ufffd")
    .replace(/^(\s*):(?=:)/, "$1: ")
    .replaceAll("##[", "## [");
}
