// GitHub for the tests: `emulate`, with a clock that can be shifted and orders that come line by line on standard input.
// Each order is one JSON object and is answered by one line. The process ends when its input does.
import { readdirSync, readFileSync } from "node:fs";
import { Server } from "node:net";
import { createInterface } from "node:readline";

const [baseUrl, seedFile] = process.argv.slice(2);
const seed = JSON.parse(readFileSync(seedFile, "utf8"));

let shift = 0;
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) {
    if (given.length) super(...given);
    else super(Real.now() + shift);
  }
  static now() {
    return Real.now() + shift;
  }
};

// The emulator says only its base URL, which is the front's: its own port is read off the socket.
let listening;
const listen = Server.prototype.listen;
Server.prototype.listen = function (...given) {
  listening = this;
  return listen.apply(this, given);
};

// The plugin is wrapped to get at its store: deleted and transferred issues cannot be had through its API.
const dist = new URL("./node_modules/emulate/dist/", import.meta.url);
const file = readdirSync(dist).find(
  (name) => /^dist-.*\.js$/.test(name) && readFileSync(new URL(name, dist), "utf8").includes("getGitHubStore,"),
);
const { githubPlugin, getGitHubStore } = await import(new URL(file, dist));
const register = githubPlugin.register;
let gh, held, tokens;
githubPlugin.register = (app, store, webhooks, url, tokenMap) => {
  gh = getGitHubStore(store);
  held = store;
  tokens = tokenMap;
  // "issues/:issue_number" comes first there and hides "issues/comments": it is put last.
  const get = app.get.bind(app);
  const last = [];
  app.get = (path, ...doing) => (path.endsWith("/issues/:issue_number") ? last.push([path, ...doing]) : get(path, ...doing));
  register.call(githubPlugin, app, store, webhooks, url, tokenMap);
  app.get = get;
  for (const given of last) get(...given);
};
const { createEmulator } = await import(new URL("api.js", dist));
const emulator = await createEmulator({ service: "github", port: 0, baseUrl, seed: { tokens: {}, github: seed.github } });

// One token has 5,000 calls for good and is counted by its text: whatever follows a "~" gives it a new count.
const known = tokens.get.bind(tokens);
tokens.get = (text) => {
  const name = text.split("~")[0];
  if (!name.startsWith("user:")) return known(name);
  const user = gh.users.findOneBy("login", name.slice(5));
  return user && { login: user.login, id: user.id, scopes: ["repo", "user", "admin:org"] };
};
// GitHub does not tell the case of logins and repositories apart.
for (const [table, field] of [[gh.users, "login"], [gh.orgs, "login"], [gh.repos, "full_name"]]) {
  table.findOneBy = (by, value) =>
    table.all().find((row) => (by === field ? row[by]?.toLowerCase() === String(value).toLowerCase() : row[by] === value));
}

// The parts of a seed that `emulate` does not take.
function furnish() {
  for (const { org, slug, members } of seed.teams) {
    const org_id = gh.orgs.findOneBy("login", org).id;
    const team = gh.teams.insert({ org_id, slug, name: slug, permission: "push", privacy: "closed", node_id: "" });
    for (const login of members) {
      gh.teamMembers.insert({ team_id: team.id, user_id: gh.users.findOneBy("login", login).id, role: "member" });
    }
  }
  for (const { repo, login, permission } of seed.collaborators) {
    gh.collaborators.insert({
      repo_id: gh.repos.findOneBy("full_name", repo).id,
      user_id: gh.users.findOneBy("login", login).id,
      permission,
    });
  }
}
furnish();

const numbers = (repo) => gh.issues.findBy("repo_id", repo).map((issue) => issue.number);
const find = (repo, number) => {
  const row = gh.repos.findOneBy("full_name", repo);
  return gh.issues.findBy("repo_id", row.id).find((issue) => issue.number === number);
};
const commentsOf = (issue) =>
  gh.comments.findBy("repo_id", issue.repo_id).filter((comment) => comment.issue_number === issue.number);

const kept = [];
const orders = {
  // All that stands now, under a number; it can be had back as often as one likes, also after a reset.
  keep() {
    return { number: kept.push(structuredClone(held.snapshot())) - 1 };
  },
  back({ number }) {
    held.restore(structuredClone(kept[number]));
  },
  reset() {
    shift = 0;
    emulator.reset();
    furnish();
  },
  shift({ seconds }) {
    shift = seconds * 1000;
  },
  // What a workflow gets as GITHUB_TOKEN: an installation of the app github-actions on one repository.
  workflowToken({ token, repo, app, permissions }) {
    const row = gh.repos.findOneBy("full_name", repo);
    const at = { installationId: 1, appId: app, accountId: row.owner_id, accountType: row.owner_type };
    const installation = { ...at, permissions, repositoryIds: [row.id], repositorySelection: "selected" };
    tokens.set(token, { login: repo.split("/")[0], id: row.owner_id, scopes: [], installation });
    return { repository_ids: [row.id] };
  },
  repositories({ account }) {
    const owned = gh.repos.all().filter((row) => row.full_name.toLowerCase().startsWith(`${account.toLowerCase()}/`));
    return owned.map((row) => row.id);
  },
  // A tombstone: its number is never given again, and neither the list nor a read shows it.
  bury({ repo, number }) {
    const issue = find(repo, number);
    for (const comment of commentsOf(issue)) gh.comments.delete(comment.id);
    gh.issues.update(issue.id, { is_pull_request: true });
  },
  transfer({ repo, number, to }) {
    const issue = find(repo, number);
    const target = gh.repos.findOneBy("full_name", to);
    const next = Math.max(0, ...numbers(target.id)) + 1;
    const labels = issue.label_ids.map((id) => gh.labels.get(id).name);
    const label_ids = gh.labels.findBy("repo_id", target.id).filter((l) => labels.includes(l.name)).map((l) => l.id);
    const { id, ...rest } = issue;
    const moved = gh.issues.insert({ ...rest, repo_id: target.id, number: next, label_ids, milestone_id: null });
    moved.created_at = issue.created_at;
    for (const comment of commentsOf(issue)) {
      gh.comments.update(comment.id, { repo_id: target.id, issue_number: next });
    }
    gh.issues.update(id, { is_pull_request: true });
    return { number: next, repository: target.id, id: moved.id };
  },
};

listening.keepAliveTimeout = 0; // the front keeps its connections
console.log(JSON.stringify({ port: listening.address().port, secrets: emulator.generatedSecrets }));
for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...given } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ done: orders[order](given) ?? {} }));
  } catch (error) {
    console.log(JSON.stringify({ failed: String(error) }));
  }
}
process.exit(0);
