import { field, localPath, loginForm, loginPage, type Members, type Problems, signupForm, signupPage, signupProblems } from "@kmkit/shop";
import Router from "@koa/router";
import { seeOther } from "../redirect.ts";
import { renewSession } from "../session.ts";
import { viewOf } from "../view.ts";

/** Signing up, logging in and logging out. */
export function membership(members: Members): Router {
  const router = new Router();

  router.get("/signup", (ctx) => {
    ctx.body = signupPage(viewOf(ctx), signupForm({ plan: ctx.query.plan, next: ctx.query.next }));
  });

  router.post("/signup", async (ctx) => {
    const form = signupForm(ctx.request.body);
    const password = field(ctx.request.body, "password");
    const refuse = (problems: Problems) => {
      ctx.status = 422;
      ctx.body = signupPage(viewOf(ctx), form, problems);
    };

    const problems = signupProblems(form, password);
    if (Object.keys(problems).length > 0) return refuse(problems);

    const member = { email: form.email, name: form.name, plan: form.plan };
    const joined = await members.join(member, password);
    if (!joined) return refuse({ email: "This address already has an account. Log in instead?" });

    await renewSession(ctx, member);
    ctx.km.identify(member.email);
    ctx.km.record("Signed Up", { Plan: member.plan });
    ctx.km.set({ Plan: member.plan, Name: form.name || undefined, Gender: form.gender || undefined });
    seeOther(ctx, form.next);
  });

  router.get("/login", (ctx) => {
    ctx.body = loginPage(viewOf(ctx), { email: "", next: localPath(ctx.query.next) });
  });

  router.post("/login", async (ctx) => {
    const form = loginForm(ctx.request.body);
    const member = await members.check(form.email, field(ctx.request.body, "password"));
    if (member === undefined) {
      ctx.status = 401;
      ctx.body = loginPage(viewOf(ctx), form, "That e-mail address and password do not go together.");
      return;
    }

    await renewSession(ctx, member);
    ctx.km.identify(member.email);
    ctx.km.record("Logged In");
    seeOther(ctx, form.next);
  });

  router.post("/logout", async (ctx) => {
    if (ctx.session.member !== undefined) ctx.km.record("Logged Out");
    await renewSession(ctx);
    ctx.km.identify(null);
    seeOther(ctx, "/");
  });

  return router;
}
