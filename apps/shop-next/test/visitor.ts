import { type Answer, type Headers, Visitor } from "@kmkit/shop/suite";

/** What a form of the other shops is called here: the page it stands on, and its button. */
const forms: Readonly<Record<string, readonly [page: string, button: string]>> = {
  "/cart": ["/products/pebble", "Add to cart"],
  "/cart/remove": ["/cart", "Remove"],
  "/signup": ["/signup", "Join"],
  "/login": ["/login", "Log in"],
  "/logout": ["/", "Log out"],
  "/checkout": ["/checkout", "Pay"],
};

/** How a form is sent: to the page on which it stood, with the fields that name its action. They stay the same until the app is built anew. */
interface Known {
  readonly page: string;
  readonly action: readonly (readonly [name: string, value: string])[];
}
const known = new Map<string, Known>();

/** A browser without a window and without JavaScript: it sends the forms that it has seen on the pages, as Next has put them there. */
export class FormVisitor extends Visitor {
  override async post(path: string, fields: Readonly<Record<string, string>>, headers: Headers = {}): Promise<Answer> {
    const [page, button] = forms[path] ?? ["", ""];
    if (!known.has(button)) await this.open(page);
    const form = known.get(button);
    if (form === undefined) throw new Error(`nobody has seen a form with the button ${button}`);
    const data = new FormData();
    for (const [name, value] of [...form.action, ...Object.entries(fields)]) data.append(name, value);
    return this.send("POST", form.page, headers, data);
  }

  protected override async send(...request: Parameters<Visitor["send"]>): Promise<Answer> {
    const answer = await super.send(...request);
    const [, page] = request;
    for (const [, form = ""] of answer.text.matchAll(/<form\b[^>]*>(.*?)<\/form>/gs)) {
      const button = /<button\b[^>]*>([A-Z][a-z]+(?: [a-z]+)*)/.exec(form)?.[1] ?? "";
      const action = [...form.matchAll(/<input type="hidden" name="(\$ACTION[^"]*)"(?: value="([^"]*)")?/g)].map(
        ([, name = "", value = ""]) => [name, value.replaceAll("&quot;", '"').replaceAll("&amp;", "&")] as const,
      );
      known.set(button, { page, action });
    }
    return answer;
  }
}

/** Shows all forms to whoever comes after: some are only there for a member with something in the cart. */
export async function seeAllForms(shop: string): Promise<void> {
  const visitor = new FormVisitor(shop);
  await visitor.submit("/cart", { slug: "pebble", quantity: "1" });
  await visitor.open("/signup");
  await visitor.submit("/login", { email: "ann@bob.com", password: "demo-shop", next: "/checkout" });
}
