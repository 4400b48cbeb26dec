import { fileURLToPath } from "node:url";

export { add, type Cart, FREE_SHIPPING_FROM, type Order, orderOf, remove } from "./cart.ts";
export { field, genders, type LoginForm, loginForm, type Problems, type SignupForm, signupForm, signupProblems } from "./forms.ts";
export { createMembers, demo, type Member, type Members, plans } from "./members.ts";
export { euros } from "./money.ts";
export { cartPage } from "./pages/cart.ts";
export { checkoutPage, thanksPage } from "./pages/checkout.ts";
export { loginPage } from "./pages/login.ts";
export { noticePage } from "./pages/notice.ts";
export { picture } from "./pages/pictures.ts";
export { signupPage } from "./pages/signup.ts";
export { homePage, productPage } from "./pages/storefront.ts";
export { street } from "./pages/street.ts";
export { type Product, productOf, products } from "./products.ts";
export { fromElsewhere, localPath, pageHeaders } from "./security.ts";
export { serve } from "./serve.ts";
export type { ShopSession, View } from "./view.ts";

/** The folder of style sheets and such. */
export const publicFiles: string = fileURLToPath(new URL("../public", import.meta.url));
