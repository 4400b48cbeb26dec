import { field, localPath, loginForm, loginPage, type Members, type Problems, signupForm, signupPage, signupProblems } from "@kmkit/shop";
import { Router } from "express";
import { renewSession } from "../session.ts";
import { viewOf } from "../view.ts";

/** Signing up, logging in and logging out. */
export function membership(members: Members): Router {
  const router = Router();

  router.get("/signup", (req, res) => {
    res.send(signupPage(viewOf(req), signupForm({ plan: req.query.plan, next: req.query.next })));
  });

  router.post("/signup", async (req, res) => {
    const form = signupForm(req.body);
    const password = field(req.body, "password");
    const refuse = (problems: Problems) => res.status(422).send(signupPage(viewOf(req), form, problems));

    const problems = signupProblems(form, password);
    if (Object.keys(problems).length > 0) return refuse(problems);

    const member = { email: form.email, name: form.name, plan: form.plan };
    const joined = await members.join(member, password);
    if (!joined) return refuse({ email: "This address already has an account. Log in instead?" });

    await renewSession(req, member);
    req.km.identify(member.email);
    req.km.record("Signed Up", { Plan: member.plan });
    req.km.set({ Plan: member.plan, Name: form.name || undefined, Gender: form.gender || undefined });
    res.redirect(303, form.next);
  });

  router.get("/login", (req, res) => {
    res.send(loginPage(viewOf(req), { email: "", next: localPath(req.query.next) }));
  });

  router.post("/login", async (req, res) => {
    const form = loginForm(req.body);
    const member = await members.check(form.email, field(req.body, "password"));
    if (member === undefined)
      return res.status(401).send(loginPage(viewOf(req), form, "That e-mail address and password do not go together."));

    await renewSession(req, member);
    req.km.identify(member.email);
    req.km.record("Logged In");
    res.redirect(303, form.next);
  });

  router.post("/logout", async (req, res) => {
    if (req.session.member !== undefined) req.km.record("Logged Out");
    await renewSession(req);
    req.km.identify(null);
    res.redirect(303, "/");
  });

  return router;
}
