"use client";

import { useActionState } from "react";
import { addToCart } from "../actions/cart";

/** Puts a lamp into the cart. */
export function BuyForm({ slug }: { readonly slug: string }) {
  const [{ problem }, action, pending] = useActionState(addToCart, {});
  const wrong = problem !== undefined;
  return (
    <form className="buy" action={action}>
      <input type="hidden" name="slug" value={slug} />
      <label htmlFor="quantity">Quantity</label>
      <select id="quantity" name="quantity" aria-invalid={wrong || undefined} aria-describedby={wrong ? "quantity-problem" : undefined}>
        {[1, 2, 3, 4, 5, 6, 7, 8, 9].map((quantity) => (
          <option key={quantity}>{quantity}</option>
        ))}
      </select>
      <button type="submit" disabled={pending}>
        Add to cart
      </button>
      {wrong && (
        <p className="problem" id="quantity-problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}
