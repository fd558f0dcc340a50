import { z } from "zod";

/**
 * An array whose first bad element ends the reading. `z.array` looks at all of them and keeps what is wrong with each,
 * which is a hundred times the size of a document that somebody filled with nonsense.
 */
export function listOf<T>(element: z.ZodType<T>) {
  return z.array(z.unknown()).transform((items, context): T[] => {
    const list: T[] = [];
    for (const [index, item] of items.entries()) {
      const read = element.safeParse(item);
      if (!read.success) {
        const message = read.error.issues[0]?.message ?? "is not what it should be";
        context.addIssue({ code: "custom", path: [index], message });
        return z.NEVER;
      }
      list.push(read.data);
    }
    return list;
  });
}
