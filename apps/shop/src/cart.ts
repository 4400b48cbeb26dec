import type { Member } from "./members.ts";
import { type Product, productOf } from "./products.ts";

/** What lies in a cart: how many of which product, by slug. */
export type Cart = Readonly<Record<string, number>>;

/** One product of an order. */
export interface Line {
  readonly product: Product;
  readonly quantity: number;
  readonly price: number;
}

/** A cart with its prices, in whole euros. */
export interface Order {
  readonly lines: readonly Line[];
  readonly items: number;
  readonly subtotal: number;
  readonly shipping: number;
  readonly total: number;
}

/** From this subtotal on everybody's order ships free; a Pro member's always does. */
export const FREE_SHIPPING_FROM = 150;
const SHIPPING = 9;

/** The cart with so many more of a product in it. */
export function add(cart: Cart = {}, slug: string, quantity: number): Cart {
  return { ...cart, [slug]: (cart[slug] ?? 0) + quantity };
}

/** The cart without a product. */
export function remove(cart: Cart = {}, slug: string): Cart {
  return Object.fromEntries(Object.entries(cart).filter(([other]) => other !== slug));
}

/** What a cart costs this visitor. */
export function orderOf(cart: Cart = {}, member?: Member): Order {
  const lines = Object.entries(cart).flatMap(([slug, quantity]) => {
    const product = productOf(slug);
    return product === undefined ? [] : [{ product, quantity, price: product.price * quantity }];
  });
  const subtotal = lines.reduce((sum, line) => sum + line.price, 0);
  const free = lines.length === 0 || subtotal >= FREE_SHIPPING_FROM || member?.plan === "Pro";
  const shipping = free ? 0 : SHIPPING;
  return { lines, items: lines.reduce((sum, line) => sum + line.quantity, 0), subtotal, shipping, total: subtotal + shipping };
}
