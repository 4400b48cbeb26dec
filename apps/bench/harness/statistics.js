/** One measured figure: of each round, or one that is the same in all of them. @typedef {number | readonly number[]} Figure */

/** The rounds of a figure that came to something. @param {Figure | undefined} figure */
export const rounds = (figure) => [figure ?? []].flat().filter((one) => Number.isFinite(one));

/** The median; NaN of nothing. @param {Figure | undefined} figure */
export function median(figure) {
  const sorted = rounds(figure).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  const upper = /** @type {number} */ (sorted[middle]);
  return sorted.length % 2 === 1 ? upper : (upper + /** @type {number} */ (sorted[middle - 1])) / 2;
}

/** A number for people. @param {number} value */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString("en-GB");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}

/** The median, and between what all rounds lie. @param {Figure | undefined} figure */
export function spread(figure) {
  const all = rounds(figure);
  if (all.length === 0) return "–";
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const middle = short(median(all));
  return short(low) === short(high) ? middle : `${middle} (${short(low)} to ${short(high)})`;
}

/** Whether the median is no more than a limit. What could not be measured has not been reached. @param {Figure | undefined} figure @param {number} limit */
export const atMost = (figure, limit) => median(figure) <= limit;

/** Whether the median is no less than a limit. @param {Figure | undefined} figure @param {number} limit */
export const atLeast = (figure, limit) => median(figure) >= limit;
