import type { Cart, Order } from "./cart.ts";
import type { Member } from "./members.ts";

/** What the shop keeps in a visitor's session. */
export interface ShopSession {
  cart?: Cart;
  member?: Member;
  /** The last order paid, for the page that says thank you. */
  order?: Order;
}

/** What every page shows of the visitor, whatever framework the request came through. */
export interface View {
  /** The page that is being looked at. */
  readonly path: string;
  readonly member: Member | undefined;
  readonly cart: Cart | undefined;
  /** Who this is to kmkit. */
  readonly visitor: { readonly identity: string; readonly anonymous: boolean } | undefined;
}
