"""An explicit-state model of one review: its tickets, their recoveries, their workflows, and the review site.

It explores every state that the design's rules and decision 0018 allow, with crashes and retries between any two steps.
In each state and each move, it checks the properties that must hold. The rules are a copy on purpose: they share no
code with the product, so that the model does not repeat a mistake of the product. `test_product.py` compares the model
with the product where their abstractions match.

Covered:

- the status machine and the recovery machine (by form and by direct contact), auto_close, follow-up tickets;
- the outbox: rows in any order, each at least once, and the wake of a report, which its own attempt cancels;
- `ContactRecovery` and `TicketWorkflow`, which ask the service, take one step, report, and ask again;
- one reply per review at the site: posting, reading, retracting, refusals, moderation, attempts that outlive a retry.

Not covered: claims, assignment, message deliveries, request ids, texts, the conversation, and time. A deadline may pass
at any moment; the time that an unfinished write gets to settle (decision 0008) and the pause after a refused retraction
only delay moves that the model allows.

Bounds: an exploration is exhaustive within a `Budget`. The budgets allow at most two forms, one direct recovery
(add_contact, creation with a contact, or a follow-up), one rejected contact, one close, one moderation, and one message
that is delayed or delivered twice. After CLOSED, new recoveries belong to a second ticket of the review, which is never
closed. There is no bound for crashes, a site that is down, refusals, customers, timers, resolve and reopen.

    python -m tests.model                        explore all budgets; exit status 1 if a property is violated
    python -m tests.model --without hold         the same without some rules; prints the shortest counterexample
    python -m tests.model --each                 leave out each rule in turn; print the property that is violated
"""
