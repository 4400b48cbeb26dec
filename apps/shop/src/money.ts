/** Money as the shop writes it. */
export function euros(amount: number): string {
  return `€ ${amount.toLocaleString("en")}`;
}
