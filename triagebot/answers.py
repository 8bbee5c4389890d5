"""Answers to what people say on tickets: that it was heard, or what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

from triagebot import commands
from triagebot.config import Config
from triagebot.errors import TrackerError
from triagebot.history import History
from triagebot.look import Options, View
from triagebot.model import Remark, TrackerFacts


def answered(config: Config, history: History, view: View, options: Options) -> View:
    """Answer every remark that is not answered yet; the view with those that are.

    A tracker that refuses holds up none of the others: the next run answers there.
    """
    facts: dict[str, TrackerFacts] = {}
    errors = list(view.errors)
    for name, held in view.facts.items():
        tickets = []
        for ticket in held.tickets:
            remarks = []
            for remark in ticket.remarks:
                if remark.answered:
                    remarks.append(remark)
                    continue
                try:
                    view.trackers[name].answer(ticket, remark, _reply(remark, config))
                except TrackerError as error:
                    errors += [str(error)] if str(error) not in errors else []
                    remarks.append(remark)
                else:
                    remarks.append(replace(remark, answered=True))
            heard = replace(ticket, remarks=tuple(remarks))
            if heard != ticket:
                history.remember(heard, options.now, history.tickets().get((name, ticket.id)))
            tickets.append(heard)
        facts[name] = replace(held, tickets=tuple(tickets))
    return replace(view, facts=facts, errors=tuple(errors))


def _reply(remark: Remark, config: Config) -> str:
    try:
        commands.read(remark, config.settings.decision_expiry)
    except commands.Malformed as fault:
        return str(fault)
    return ""
