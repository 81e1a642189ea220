"""Settings in which no field has its default value."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from care_rules.business_hours import BusinessHours, Interval
from care_rules.entities.message import Channel
from care_rules.entities.ticket import Priority
from care_rules.settings import (
    AutoAssign,
    Deadlines,
    PriorityDeadlines,
    ReplyTemplate,
    Settings,
    StarPriority,
    TicketCreation,
)

EVERY_SETTING: Final = Settings(
    ticket_creation=TicketCreation((1, 2), ("google",)),
    star_priorities=(StarPriority(1, Priority.URGENT),),
    auto_assign=AutoAssign.ROUND_ROBIN,
    inactivity_days=10,
    inactivity_warning_days=2,
    warn_customer=True,
    grace_days=1,
    reply_templates=(ReplyTemplate("pt-BR", "Desculpe: {form_link}"),),
    form_lifetime=timedelta(days=14),
    form_reminders=(timedelta(days=1), timedelta(days=2.5)),
    deadlines=Deadlines((PriorityDeadlines(Priority.HIGH, timedelta(hours=6), None),), paused_while_waiting=True),
    business_hours=BusinessHours("Europe/Berlin", ((Interval(540, 750),), (), (), (), (), (), ())),
    preferred_channel=Channel.SMS,
    consent_text="I agree – «really».",
    closing_notice="We close this.",
    chat_greeting="Hello! {chat_link}",
)
