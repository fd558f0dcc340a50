/**
 * HTML that cannot be broken out of: whatever a template is given is escaped, unless another template made it. It is not
 * called `html`, because Prettier would indent what stands in it, and the content policy counts each byte.
 */

export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Fragment = Html | string | number | undefined | readonly Fragment[];

/** Parts are put between the literals; undefined and empty lists leave no trace. */
export function markup(literals: TemplateStringsArray, ...parts: readonly Fragment[]): Html {
  const text = literals.reduce((before, literal, index) => before + textOf(parts[index - 1]) + literal);
  return new Html(text);
}

/** For constants of this folder that are no markup: style and script. */
export function verbatim(constant: string): Html {
  return new Html(constant);
}

function textOf(part: Fragment): string {
  if (part === undefined) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "string" || typeof part === "number") return escaped(String(part));
  return part.map(textOf).join("");
}

/** Safe between tags and in quoted attributes. Characters that turn or hide the text around them are shown as such. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069\ufeff]/g, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A link where `address` is one of the web, else the words alone: no other scheme is ever followed. */
export function link(address: string | undefined, words: Fragment): Html {
  return address !== undefined && /^https?:\/\//.test(address)
    ? markup`<a href="${address}">${words}</a>`
    : markup`${words}`;
}
