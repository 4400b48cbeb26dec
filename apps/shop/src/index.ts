import { fileURLToPath } from "node:url";

export { add, type Cart, type Order, orderOf, remove } from "./cart.ts";
export { field, type LoginForm, loginForm, type Problems, type SignupForm, signupForm, signupProblems } from "./forms.ts";
export { createMembers, type Member, type Members } from "./members.ts";
export { cartPage } from "./pages/cart.ts";
export { checkoutPage, thanksPage } from "./pages/checkout.ts";
export { loginPage } from "./pages/login.ts";
export { noticePage } from "./pages/notice.ts";
export { signupPage } from "./pages/signup.ts";
export { homePage, productPage } from "./pages/storefront.ts";
export { type Product, productOf, products } from "./products.ts";
export { fromElsewhere, localPath, pageHeaders } from "./security.ts";
export { serve } from "./serve.ts";
export type { ShopSession, View } from "./view.ts";

/** The folder of style sheets and such. */
export const publicFiles: string = fileURLToPath(new URL("../public", import.meta.url));
