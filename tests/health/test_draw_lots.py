"""Drawing lots: anyone can do it again, everybody has the same chance, and being early is worth nothing."""

from __future__ import annotations

import hashlib
from random import Random

from services.health import lots

SEED = "00" * 31 + "2a"
TICKETS = [f"{number:032x}" for number in range(40)]


def test_the_order_follows_from_seed_and_list_alone_and_can_be_done_with_sha_256():
    listed = hashlib.sha256("".join(f"{one}\n" for one in sorted(TICKETS)).encode()).digest()

    def by_hand(ticket):
        return hashlib.sha256(bytes.fromhex(SEED) + listed + ticket.encode()).hexdigest()

    assert lots.promise(SEED) == hashlib.sha256(bytes.fromhex(SEED)).hexdigest()
    assert lots.hash_list(TICKETS) == listed.hex()
    assert lots.order(SEED, TICKETS) == sorted(TICKETS, key=by_hand)


def test_drawing_again_gives_the_same_and_the_order_of_arrival_plays_no_part():
    drawn = lots.order(SEED, TICKETS)
    random = Random(7)

    for _round in range(50):
        arrived = random.sample(TICKETS, len(TICKETS))

        assert lots.order(SEED, arrived) == drawn
        assert lots.hash_list(arrived) == lots.hash_list(TICKETS)


def test_every_request_has_the_same_chance_of_every_rank():
    people, draws, random = TICKETS[:12], 6_000, Random(2026)
    firsts = dict.fromkeys(people, 0)
    ranks = [[0] * len(people) for _one in people]

    for _draw in range(draws):
        order = lots.order(random.randbytes(32).hex(), people)
        firsts[order[0]] += 1
        for rank, ticket in enumerate(order):
            ranks[people.index(ticket)][rank] += 1

    # Eleven degrees of freedom: one fair draw in a thousand exceeds 31.26.
    expected = draws / len(people)
    assert sum((count - expected) ** 2 / expected for count in firsts.values()) < 31.26
    # The first asked and the last asked fare alike at every rank, not only the first (one in a hundred thousand).
    worst = max(sum((count - expected) ** 2 / expected for count in row) for row in ranks)
    assert worst < 44


def test_another_list_or_another_seed_gives_another_order():
    drawn = lots.order(SEED, TICKETS)

    fewer = lots.order(SEED, TICKETS[1:])

    assert lots.order("ff" * 32, TICKETS) != drawn
    assert lots.hash_list(TICKETS[1:]) != lots.hash_list(TICKETS)
    # Nobody can be left out without changing the order of all others.
    assert fewer != [ticket for ticket in drawn if ticket != TICKETS[0]]


def test_seeds_and_tickets_are_never_the_same_twice():
    seeds = {lots.new_seed() for _one in range(100)}
    tickets = {lots.new_ticket() for _one in range(100)}

    assert (len(seeds), len(tickets)) == (100, 100)
    assert {len(one) for one in seeds} == {64}
    assert {len(one) for one in tickets} == {32}
