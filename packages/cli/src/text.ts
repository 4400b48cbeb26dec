/** A time as people read it, in UTC, to the second. */
export function moment(time: number): string {
  return new Date(time).toISOString().replace("T", " ").slice(0, 19);
}

/** A count with its word: `1 command`, `2 commands`. */
export function plural(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}
