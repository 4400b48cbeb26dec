import { FREE_SHIPPING_FROM, type Line, type Order } from "../cart.ts";
import { type Html, html } from "../html.ts";
import { euros } from "../money.ts";
import type { View } from "../view.ts";
import { layout } from "./layout.ts";
import { picture } from "./pictures.ts";

/** What lies in the cart, and what it comes to. */
export function cartPage(view: View, order: Order): string {
  return layout(view, { title: "Your cart", main: order.items === 0 ? empty : full(order) });
}

/** The closing sums of an order. */
export function sums({ subtotal, shipping, total }: Order): Html {
  return html`<dl class="sums">
<div><dt>Subtotal</dt><dd>${euros(subtotal)}</dd></div>
<div><dt>Shipping</dt><dd>${shipping === 0 ? "Free" : euros(shipping)}</dd></div>
<div class="total"><dt>Total</dt><dd>${euros(total)}</dd></div>
</dl>`;
}

const empty = html`<section class="notice">
<h1>Your cart is empty</h1>
<p class="lead">And it is getting dark outside.</p>
<p><a class="button" href="/">Look at the lamps</a></p>
</section>`;

function full(order: Order): Html {
  const missing = FREE_SHIPPING_FROM - order.subtotal;
  return html`<h1>Your cart</h1>
<div class="columns">
<ul class="lines">
${order.lines.map(line)}
</ul>
<section class="card" aria-label="Summary">
${sums(order)}
${order.shipping > 0 && html`<p class="hint">Only ${euros(missing)} more and shipping is free. For Pro members it always is.</p>`}
<a class="button wide" href="/checkout">Check out</a>
</section>
</div>`;
}

function line({ product, quantity, price }: Line): Html {
  return html`<li>
<a class="frame" href="/products/${product.slug}">${picture(product)}</a>
<div class="what">
<h2><a href="/products/${product.slug}">${product.name}</a></h2>
<p>${quantity} × ${euros(product.price)}</p>
<form method="post" action="/cart/remove">
<button class="plain" name="slug" value="${product.slug}">Remove<span class="unseen"> ${product.name}</span></button>
</form>
</div>
<p class="price">${euros(price)}</p>
</li>`;
}
