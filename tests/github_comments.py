"""Comments and reactions as GitHub has them, on top of what the emulator does."""

from __future__ import annotations

from dataclasses import replace

import github_checks as checks
from github_rules import ADMIN_RIGHTS, Doing, Repository, Rules, route
from github_wire import Answer, Request, invalid, refuse


class Comments:
    """What is done with comments and reactions. `install` puts it in place."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._next_reaction = 1

    def install(self) -> None:
        """Have the rules answer with what is here."""
        issue, comment = "/issues/*", "/issues/comments/*"
        self.rules.install(
            route("GET", "/issues/comments", self.list_comments),
            route("PATCH", comment, self.edit_comment),
            route("DELETE", comment, self.delete_comment),
            route("GET", comment, self.comment),
            route("POST", f"{issue}/comments", self.create_comment),
            route("GET", f"{issue}/comments", self.comment),
        )
        for path, on in ((comment, "comments"), (issue, "issues")):
            self.rules.install(
                route("GET", f"{path}/reactions", self.reactions(on)),
                route("POST", f"{path}/reactions", self.react(on)),
                route("DELETE", f"{path}/reactions/*", self.unreact(on)),
            )

    def list_comments(self, request: Request, repo: Repository) -> Answer:
        """The comments of a whole repository."""
        changed = {"since": checks.since(request.query["since"])} if request.query.get("since") else {}
        return self._with_reactions(self.rules.forward(request, **changed))

    def comment(self, request: Request, repo: Repository) -> Answer:
        """A comment, or the comments of an issue."""
        return self._with_reactions(self.rules.forward(request))

    def create_comment(self, request: Request, repo: Repository) -> Answer:
        """A new comment."""
        issue = self.rules.look(repo.name.split("/")[0], request.path.removesuffix("/comments"))
        if not issue.is_good:
            return refuse(404, "Not Found")
        if issue.body["locked"] and not repo.allows("write"):
            return refuse(403, "Unable to create comment because issue is locked.")
        return checks.comment(request.body or {}) or self.rules.forward(request)

    def edit_comment(self, request: Request, repo: Repository) -> Answer:
        """Another text for a comment."""
        return self._not_theirs(request, repo) or checks.comment(request.body or {}) or self.rules.forward(request)

    def delete_comment(self, request: Request, repo: Repository) -> Answer:
        """One comment less."""
        return self._not_theirs(request, repo) or self.rules.forward(request)

    def _not_theirs(self, request: Request, repo: Repository) -> Answer | None:
        told = self.rules.look(repo.name.split("/")[0], request.path)
        if not told.is_good:
            return refuse(404, "Not Found")
        may = repo.allows("write") or told.body["user"]["login"] == request.who.login
        return None if may else refuse(403, ADMIN_RIGHTS)

    def _with_reactions(self, told: Answer) -> Answer:
        if not told.is_good:
            return told
        rows = told.body if isinstance(told.body, list) else [told.body]
        shaped = [row | {"reactions": self.rules.summary("comments", row)} for row in rows]
        return replace(told, body=shaped if isinstance(told.body, list) else shaped[0])

    def _key(self, on: str, request: Request, repo: Repository) -> tuple[str, int] | None:
        told = self.rules.look(repo.name.split("/")[0], request.path.split("/reactions")[0])
        return (on, told.body["id"]) if told.is_good else None

    def reactions(self, on: str) -> Doing:
        """The reactions to an issue or a comment."""

        def doing(request: Request, repo: Repository) -> Answer:
            key = self._key(on, request, repo)
            wanted = request.query.get("content")
            if key is None:
                return refuse(404, "Not Found")
            return Answer(200, [r for r in self.rules.reactions.get(key, []) if wanted in (None, r["content"])])

        return doing

    def react(self, on: str) -> Doing:
        """Add a reaction; the same one twice stays one."""

        def doing(request: Request, repo: Repository) -> Answer:
            key, content = self._key(on, request, repo), (request.body or {}).get("content")
            if key is None:
                return refuse(404, "Not Found")
            if content not in checks.REACTIONS:
                return invalid(checks.fault("content", "invalid", "Reaction", value=content))
            there = self.rules.reactions.setdefault(key, [])
            for reaction in there:
                if (reaction["user"]["login"], reaction["content"]) == (request.who.login, content):
                    return Answer(200, reaction)
            number, self._next_reaction = self._next_reaction, self._next_reaction + 1
            at = checks.clock_text(self.rules.clock.now())
            user = self.rules.person(request.who.login)
            there.append({"id": number, "node_id": f"R_{number}", "user": user, "content": content, "created_at": at})
            return Answer(201, there[-1])

        return doing

    def unreact(self, on: str) -> Doing:
        """Take one's reaction back."""

        def doing(request: Request, repo: Repository) -> Answer:
            key = self._key(on, request, repo)
            there = self.rules.reactions.get(key, []) if key else []
            found = [reaction for reaction in there if str(reaction["id"]) == repo.parts[-1]]
            if not found or found[0]["user"]["login"] != request.who.login:
                return refuse(404, "Not Found")
            there.remove(found[0])
            return Answer(204)

        return doing
