"""``ratelimit drill``: campaigns against a policy, rehearsed in simulated time among honest people.

Nothing is sent anywhere. Adversaries and honest people are actors: each asks, sees whether it was answered or refused
and for how long (never a tier), and goes on as it likes. The real engine decides, on a memory store whose clock is
moved. What people ask is made up by a topic model (see ``language``), so figures are those of synthetic text.

An adversary of your own is a class with a name and actors, which are generators:

    class Patient(Adversary):
        name = "patient"
        summary = "waits for as long as it is told to, and asks again"

        def actors(self, stage):
            corpus = stage.corpus()
            for _ in range(stage.accounts):
                yield self.account(stage, corpus, stage.account(days_old=2))

        def account(self, stage, corpus, me):
            after = stage.offset()
            while True:
                number = stage.next_payload()
                answer = yield Ask(by=me, text=corpus.about(number), payload=number, after=after)
                while not answer.allowed:
                    answer = yield Ask(by=me, text=corpus.about(number), payload=number, after=answer.retry_after)
                after = stage.pause(25.6)

``ratelimit drill yourmodule:Patient`` rehearses it beside the built-in ones; ``--crowd yourmodule:Name`` does the same
for a ``Crowd`` of honest people.
"""

from ratelimit.drill.acting import Account, Adversary, Answer, Ask, Crowd
from ratelimit.drill.adversaries import ADVERSARIES
from ratelimit.drill.crowds import CROWDS
from ratelimit.drill.stage import Stage

__all__ = ["ADVERSARIES", "CROWDS", "Account", "Adversary", "Answer", "Ask", "Crowd", "Stage"]
