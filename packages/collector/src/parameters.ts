/** The parameters of a form or query in their order, a name and a value at each place. */
export interface Parameters {
  readonly names: readonly string[];
  readonly values: readonly string[];
}

/**
 * Reads `application/x-www-form-urlencoded` text exactly as `URLSearchParams` does, at a fraction of the cost, since hardly anything of a tracking
 * call is encoded. Gives up (undefined) where there are more than `most` parameters: a megabyte of ampersands would cost two hundred.
 */
export function readParameters(text: string, most: number): Parameters | undefined {
  const query = text.toWellFormed();
  const names: string[] = [];
  const values: string[] = [];
  // As URLSearchParams, which takes off a question mark in front.
  let start = query.startsWith("?") ? 1 : 0;
  for (let count = 0; start <= query.length; count++) {
    if (count === most) return undefined;
    const found = query.indexOf("&", start);
    const end = found < 0 ? query.length : found;
    if (end > start) {
      const sign = query.indexOf("=", start);
      const split = sign < 0 || sign > end ? end : sign;
      names.push(decode(query.slice(start, split)));
      values.push(split < end ? decode(query.slice(split + 1, end)) : "");
    }
    start = end + 1;
  }
  return { names, values };
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // A bad sequence stays as it is, bytes that are no UTF-8 are mended: as the standard has it.
    return new URLSearchParams(`=${text}`).get("") ?? "";
  }
}
