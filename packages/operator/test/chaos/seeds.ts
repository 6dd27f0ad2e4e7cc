/**
 * The seeds of a list such as `1-20` or `3,17,40-42`, in its order.
 *
 * @throws RangeError for anything else.
 */
export const parseSeeds = (text: string): readonly number[] =>
  text.split(",").flatMap((part) => {
    const [, first, last = first] = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || to < from) throw new RangeError(`seeds are written 1-20 or 3,17,40-42, not ${text}`);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
