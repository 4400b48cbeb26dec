import { FREE_SHIPPING_FROM } from "../cart.ts";
import { type Html, html } from "../html.ts";
import { euros } from "../money.ts";
import { type Product, products } from "../products.ts";
import type { View } from "../view.ts";
import { layout } from "./layout.ts";
import { picture } from "./pictures.ts";
import { street } from "./street.ts";

/** The shelf with all the lamps. */
export function homePage(view: View): string {
  return layout(view, {
    title: "Lamps for the evening",
    main: html`<section class="hero">
${street}
<div class="words">
<h1>Lamps for the hour between day and night</h1>
<p class="lead">Eight of them, to see by and to look at. Free shipping from ${euros(FREE_SHIPPING_FROM)}.</p>
</div>
</section>
<section aria-labelledby="lamps">
<h2 id="lamps">All lamps</h2>
${shelf(products)}
</section>
${view.member === undefined && club}`,
  });
}

/** One lamp, and what goes well with it. */
export function productPage(view: View, product: Product, problem?: string): string {
  const others = [...products, ...products].slice(products.indexOf(product) + 1).slice(0, 4);
  return layout(view, {
    title: product.name,
    main: html`<article class="product">
<div class="frame">${picture(product)}</div>
<div class="details">
<p class="category">${product.category} lamp</p>
<h1>${product.name}</h1>
<p class="lead">${product.pitch}</p>
<p class="price">${euros(product.price)}</p>
<p>${product.description}</p>
<p class="made">${product.made}</p>
<form class="buy" method="post" action="/cart">
<input type="hidden" name="slug" value="${product.slug}">
<label for="quantity">Quantity</label>
<select id="quantity" name="quantity"${problem && html` aria-invalid="true" aria-describedby="quantity-problem"`}>
${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((quantity) => html`<option>${quantity}</option>`)}
</select>
<button>Add to cart</button>
${problem && html`<p class="problem" id="quantity-problem" role="alert">${problem}</p>`}
</form>
</div>
</article>
<section aria-labelledby="others">
<h2 id="others">More light</h2>
${shelf(others)}
</section>`,
  });
}

function shelf(some: readonly Product[]): Html {
  return html`<ul class="shelf">
${some.map(
  (product) => html`<li>
<a href="/products/${product.slug}">
<div class="frame">${picture(product)}</div>
<h3>${product.name}</h3>
<p class="pitch">${product.pitch}</p>
<p class="price">${euros(product.price)} <span>${product.category}</span></p>
</a>
</li>`,
)}
</ul>`;
}

const club = html`<section class="club" aria-labelledby="club">
<div>
<h2 id="club">The Blue Hour Club</h2>
<p>Members can check out, hear of new lamps first, and as Pro they never pay for shipping.</p>
</div>
<a class="button" href="/signup">Join the club</a>
</section>`;
