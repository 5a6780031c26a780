"""What a team of years has left behind, group of tables by group of tables, in SQL: five million rows in minutes.

Chance is a hash of the seed and a row's number, so the same size and seed give the same rows; only their times hang on
the day. Nothing waits to be answered: a worker that found such rows would ask a provider, for money.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random
from textwrap import dedent
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.sessions import SessionStore
from bench.seeding.inserting import insert
from bench.seeding.texts import texts
from catalog import defaults
from catalog.models import Provider, Rate, Route, Rule
from conversations.models import Attachment, Conversation, Generation, Membership, Mention, Message, Seen, SharingRules
from usage import raising, totalling
from usage.models import AtOnce, Balance, Call, Charge, Hold, Limit, Raise, Reading, Reply
from usage.windows import period

BATCH = 2_000  # conversations that go on at the same time, their rows among each other in the tables
TEXTS = 3_000
SESSIONS = 4  # of each member
TEAMS = 8  # groups beside the one of all

# Of the conversations, by their number: who else is in them.
INVITED, GROUP_INVITED, IN_SPACE = "planned.n %% 4 <> 1", "planned.n %% 7 = 1", "planned.n %% 11 = 1"
TEAM = "(SELECT id FROM auth_group WHERE name = 'Team')"

type Say = Callable[[str], object]


@dataclass(frozen=True)
class Size:
    """How much, about. One member has a twentieth of the conversations, two conversations are very long."""

    conversations: int = 100_000
    messages: int = 5_000_000
    members: int = 500
    seed: int = 1

    @property
    def longest(self) -> int:
        """Messages of the longest conversation, the first one of the first member."""
        return min(10_000, self.messages // 50)

    @property
    def long(self) -> int:
        """Messages of their second one."""
        return min(1_000, self.messages // 250)


def fill(size: Size, say: Say = print) -> None:
    """Make it all, on a migrated database. Commits with every batch, tells what it does, and gathers statistics."""
    _make_chances(size.seed)
    defaults.ensure()
    Rate.objects.create(currency="CNY", into="USD", rate="0.14", valid_from=timezone.now() - timedelta(days=800))
    members(size)
    Rule.objects.create(ability="thinking", is_allowed=True)
    limits()
    sessions()
    plan(size)
    for first in range(1, size.conversations + 1, BATCH):
        last = min(first + BATCH - 1, size.conversations)
        for group in GROUPS:
            group(first, last)
        say(f"{last:,} of {size.conversations:,} conversations")
    links()
    _finish()


# What everything is made of -----------------------------------------------------------------------------------------


def _execute(statements: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(dedent(statements), values or None)


def _make_chances(seed: int) -> None:
    """chance(number, what): 0 to 1, always the same for the same two. row_id(kind, number): a row's UUID."""
    _execute(f"""
        CREATE FUNCTION pg_temp.chance(bigint, int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
            AS 'SELECT (hashint8extended($1, $2 + {seed:d} * 1000) & 2147483647) / 2147483648.0';
        CREATE FUNCTION pg_temp.row_id(text, bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
            AS 'SELECT md5(''{seed:d}'' || $1 || $2)::uuid'""")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE said (number int PRIMARY KEY, question text, answer text, reasoning text)")
        with cursor.copy("COPY said FROM STDIN") as copy:
            for row in texts(Random(seed), TEXTS):
                copy.write_row(row)
        cursor.execute("ANALYZE said")
    _leave_triggers("replica")


def _leave_triggers(role: str) -> None:
    """Whether each row's parents exist is known; checking it takes longer than all the rest."""
    _execute("SELECT set_config('session_replication_role', %(role)s, false) FROM pg_roles "
             "WHERE rolname = current_user AND rolsuper", role=role)  # fmt: skip


def _finish() -> None:
    _execute("RESET session_replication_role")
    _execute("DISCARD TEMP")
    totalling.begin_anew()  # no trigger has listed the charges
    while totalling.add_up():
        pass
    _execute("VACUUM ANALYZE")


def links() -> None:
    """One to every conversation, live or a snapshot of its end, opened in two hours; most are past their end."""
    SharingRules.objects.create()
    _execute("""
        INSERT INTO conversations_share
               (id, conversation_id, maker_id, version, edition, kind, leaf_id, ending, shows_thinking, shows_names,
                shows_images, title, note, audience, password, may_fork, expires_at, created_at)
        SELECT pg_temp.row_id('link', n), c.id, c.owner_id, 1, 1,
               CASE WHEN n % 2 = 0 THEN 'live' ELSE 'snapshot' END, CASE WHEN n % 2 = 1 THEN c.leaf_id END,
               CASE WHEN n % 2 = 1 THEN '{"text": 1000000, "reasoning": 0, "state": "done", "finish_reason": "stop"}'
                    ELSE '{}' END::jsonb,
               false, true, true, '', '', (ARRAY['anyone', 'members', 'named'])[n % 3 + 1], '', true,
               c.asked_at + interval '60 days', c.asked_at
          FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM conversations_conversation
                 WHERE leaf_id IS NOT NULL) AS c;
        INSERT INTO conversations_share_members (share_id, user_id)
        SELECT id, maker_id FROM conversations_share;
        INSERT INTO conversations_share_groups (share_id, group_id)
        SELECT share.id, team.id
          FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM conversations_share) AS share
          JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n, count(*) OVER () AS many FROM auth_group) AS team
            ON team.n = share.n % many + 1;
        INSERT INTO conversations_visit (share_id, member_id, hour, count, last_at)
        SELECT id, NULLIF(maker_id, CASE WHEN hours = 1 THEN maker_id END), date_trunc('hour', created_at) +
               hours * interval '1 hour', 3, created_at + hours * interval '1 hour'
          FROM conversations_share, generate_series(1, 2) AS hours""")


# People -------------------------------------------------------------------------------------------------------------


def members(size: Size) -> None:
    """Nobody can sign in as one of them: they have no password."""
    insert(
        User,
        {
            "id": "pg_temp.row_id('member', n)",
            "email": "'member' || n || '@seeded.example'",
            "name": "'Member ' || n",
            "password": "%(unusable)s",
            "date_joined": "now() - interval '2 years'",
        },
        "generate_series(1, %(count)s) AS n",
        unusable=make_password(None),
        count=size.members,
    )
    everybody = list(User.objects.filter(email__endswith="@seeded.example").order_by("pk"))
    Group.objects.create(name="Seeded").user_set.set(everybody)
    Group.objects.create(name="Team").user_set.set(User.objects.filter(name__in=[f"Member {n}" for n in range(1, 41)]))
    for number in range(TEAMS):
        Group.objects.create(name=f"Team {number + 1}").user_set.set(everybody[number :: 2 * TEAMS])
    _execute("""
        CREATE TEMP TABLE belonging AS
        SELECT id, name AS label,
               ARRAY(SELECT group_id FROM accounts_user_groups WHERE user_id = u.id ORDER BY 1) AS groups
          FROM accounts_user AS u""")
    _execute("ANALYZE belonging")


def sessions() -> None:
    """Of every member some, as signing in makes them."""
    store, rows = SessionStore(), []
    for member in User.objects.filter(email__endswith="@seeded.example"):
        content = {SESSION_KEY: str(member.pk), BACKEND_SESSION_KEY: "", HASH_SESSION_KEY: ""}
        for number in range(SESSIONS):
            key = f"seeded{member.pk.hex[:24]}{number:02}"
            rows.append(
                Session(
                    session_key=key, session_data=store.encode(content), expire_date=timezone.now() + timedelta(days=14)
                )
            )
    Session.objects.bulk_create(rows)


def limits() -> None:
    """For everybody, for a group, for some members; raises, and who asks for one."""
    _leave_triggers("origin")  # what is done here is noted
    now, some = timezone.now(), User.objects.filter(email__endswith="@seeded.example").order_by("pk")
    Limit.objects.create(amount=1_000)
    Limit.objects.create(amount=100_000, shared=True)
    AtOnce.objects.create(most=20)
    Limit.objects.create(amount=500, unit="requests", window="day", group=Group.objects.get(name="Team 1"))
    for place, member in enumerate(some[:20]):
        Limit.objects.create(amount=5 + place, member=member)
        Raise.objects.create(
            member=member, unit="money", window="this_month", amount=5, until=now + timedelta(days=place - 10)
        )
        raising.ask_for_more(member, "money", "this_month", "More to do than usual.")
    subjects = ["team", *(f"member:{member.pk}" for member in some)]
    first, after = period("this_month", now, settings.TEAM_ZONE)
    Balance.objects.bulk_create(
        Balance(subject=it, window="this_month", starts_at=first, ends_at=after) for it in subjects
    )
    Hold.objects.create(member_id=some[0].pk, balances=[], cost=0, tokens=0, requests=0)
    provider = Provider.objects.get(name="deepseek")
    for hours in range(48):
        left = Decimal(100) + hours
        Reading.objects.create(
            provider=provider.name,
            currency=provider.currency,
            total=left,
            granted=0,
            topped_up=left,
            is_available=True,
            taken_at=now - timedelta(hours=hours),
        )
    _leave_triggers("replica")


# Conversations ------------------------------------------------------------------------------------------------------


def plan(size: Size) -> None:
    """Table `planned`: each conversation, its owner, how many turns it has and when they were."""
    mean = (size.messages - size.longest - size.long) / size.conversations / 1.95  # messages of a turn
    _execute(
        """
        CREATE TEMP TABLE planned AS
        WITH drawn AS (
            SELECT n, -ln(1 - pg_temp.chance(n, 1)) * %(mean)s AS turns FROM generate_series(1, %(count)s) AS n
        )
        SELECT n, pg_temp.row_id('conversation', n) AS id,
               pg_temp.row_id('member', CASE WHEN n <= 2 OR n %% 20 = 0 THEN 1
                   ELSE 2 + floor((%(members)s - 1) * pg_temp.chance(n, 2) ^ 1.5)::int END) AS owner_id,
               CASE n WHEN 1 THEN %(longest)s / 1.95 WHEN 2 THEN %(long)s / 1.95
                   ELSE greatest(1, turns * %(mean)s * %(count)s / sum(turns) OVER ()) END::int AS turns,
               now() - interval '2 years' * (1 - n / (%(count)s + 1.0)) AS started_at,
               pg_temp.chance(n, 3) AS pace,
               (%(routes)s::int[])[1 + floor(pg_temp.chance(n, 4) ^ 2 * cardinality(%(routes)s::int[]))::int]
                   AS route_id
          FROM drawn""",
        mean=mean,
        count=size.conversations,
        members=size.members,
        longest=size.longest,
        long=size.long,
        routes=list(Route.objects.order_by("position").values_list("pk", flat=True)),
    )
    _execute("CREATE UNIQUE INDEX ON planned (n)")
    _execute("ANALYZE planned")


def turns(first: int, last: int) -> None:
    """Table `turn`: these conversations' questions with an answer, one after the other.

    Of ten turns the fifth may ask the fourth's question in other words, and the eighth may answer the seventh's again:
    branches that the later turns do not stand on, or do.
    """
    _execute("DROP TABLE IF EXISTS turn")
    _execute(
        """
        CREATE TEMP TABLE turn AS
        WITH numbered AS (
            SELECT planned.*, t, n * 100000::bigint + t AS k,
                   started_at + t * least((now() - started_at) / (turns + 1), interval '1 day' * pace ^ 4) AS at
              FROM planned, generate_series(1, turns) AS t WHERE n BETWEEN %(first)s AND %(last)s
        ), kinds AS (
            SELECT *, CASE WHEN t %% 10 = 5 AND pg_temp.chance(k, 5) < 0.5 THEN 'edit'
                           WHEN t %% 10 = 8 AND pg_temp.chance(k, 5) < 0.5 THEN 'again' ELSE 'ask' END AS kind,
                   pg_temp.chance(k, 6) AS fate
              FROM numbered
        )
        SELECT id AS conversation_id, owner_id, route_id, k, t, turns, kind, at, fate,
               floor(pg_temp.chance(k, 7) * %(texts)s)::int AS words,
               pg_temp.row_id('question', CASE kind WHEN 'again' THEN k - 1 ELSE k END) AS question_id,
               pg_temp.row_id('answer', k) AS answer_id,
               CASE WHEN t = 1 THEN NULL ELSE pg_temp.row_id('answer', CASE kind WHEN 'edit' THEN k - 2 ELSE k - 1 END)
                    END AS before_id,
               CASE WHEN fate < 0.93 THEN 'done' WHEN fate < 0.96 THEN 'stopped'
                    WHEN fate < 0.985 THEN 'failed' ELSE 'interrupted' END AS state,
               (%(codes)s::text[])[1 + floor(pg_temp.chance(k, 8) * cardinality(%(codes)s::text[]))::int] AS code
          FROM kinds ORDER BY at, k""",
        first=first,
        last=last,
        texts=TEXTS,
        codes=["overloaded", "rate_limited", "unavailable", "stalled", "cut", "content_refused"],
    )
    _execute("ANALYZE turn")


def conversations(first: int, last: int) -> None:
    insert(
        Conversation,
        {
            "id": "planned.id",
            "owner_id": "planned.owner_id",
            "title": "'Conversation ' || n || ' 关于索引'",
            "named_by": "CASE WHEN n %% 10 = 0 THEN 'member' ELSE 'model' END",
            "route_id": "planned.route_id",
            "leaf_id": "leaf.answer_id",
            "seq": "3 * planned.turns",
            "path_seq": "0",
            "created_at": "started_at",
            "asked_at": "leaf.at",
            "parameters": "'{}'::jsonb",
            "group_id": f"CASE WHEN {IN_SPACE} THEN {TEAM} END",
            "is_shared": f"{IN_SPACE} OR {INVITED} OR {GROUP_INVITED}",
        },
        "planned JOIN turn AS leaf ON leaf.conversation_id = planned.id AND leaf.t = planned.turns "
        "WHERE n BETWEEN %(first)s AND %(last)s",
        first=first,
        last=last,
    )


def memberships(first: int, last: int) -> None:
    """The first member is in much of what others began, and so is their group."""
    columns = {"conversation_id": "planned.id", "role": "2", "asked_at": "c.asked_at"}
    source = "planned JOIN conversations_conversation AS c ON c.id = planned.id WHERE n BETWEEN %(first)s AND %(last)s"
    first_member = "pg_temp.row_id('member', 1)"
    to_member = f"{source} AND {INVITED} AND planned.owner_id <> {first_member}"
    new_id = {"id": "gen_random_uuid()"}
    insert(Membership, {**new_id, **columns, "member_id": first_member}, to_member, first=first, last=last)
    seen = {"conversation_id": "planned.id", "member_id": first_member, "seq": "c.seq / 2"}
    insert(Seen, seen, f"{source} AND {INVITED}", first=first, last=last)
    insert(Membership, {**new_id, **columns, "group_id": TEAM}, f"{source} AND {GROUP_INVITED}", first=first, last=last)


def messages(first: int, last: int) -> None:
    insert(
        Message,
        {
            "id": "question_id",
            "conversation_id": "conversation_id",
            "parent_id": "before_id",
            "role": "'user'",
            "author_id": "owner_id",
            "text": "question",
            "created_at": "at",
            "changed_seq": "3 * t - 2",
        },
        "turn JOIN said ON number = words WHERE kind <> 'again' ORDER BY at, k",
    )
    insert(
        Message,
        {
            "id": "answer_id",
            "conversation_id": "conversation_id",
            "parent_id": "question_id",
            "role": "'assistant'",
            "text": "CASE WHEN state = 'failed' THEN '' ELSE answer END",
            "reasoning": "reasoning",
            "created_at": "at",
            "changed_seq": "3 * t",
        },
        "turn JOIN said ON number = words ORDER BY at, k",
    )


def mentions(first: int, last: int) -> None:
    """The first member is named in each first question of what they were invited to."""
    next_id = "nextval(pg_get_serial_sequence('conversations_mention', 'id'))"
    columns = {"id": next_id, "conversation_id": "conversation_id", "message_id": "question_id", "seq": "1"}
    source = "turn WHERE t = 1 AND owner_id <> pg_temp.row_id('member', 1)"
    insert(Mention, {**columns, "member_id": "pg_temp.row_id('member', 1)"}, source)


def generations(first: int, last: int) -> None:
    insert(
        Generation,
        {
            "id": "pg_temp.row_id('generation', k)",
            "conversation_id": "conversation_id",
            "message_id": "answer_id",
            "member_id": "owner_id",
            "route_id": "route_id",
            "state": "state",
            "epoch": "2",
            "owner": "'worker:' || k %% 7",
            "folded_seq": "40",
            "not_before": "at",
            "created_at": "at",
            "started_at": "at + interval '20 ms'",
            "first_text_at": "at + interval '700 ms'",
            "ended_at": "at + interval '20 s' * (0.2 + fate)",
            "provider": "'deepseek'",
            "model": "'deepseek-flash'",
            "returned_model": "CASE WHEN state <> 'failed' THEN 'deepseek-flash' ELSE '' END",
            "finish_reason": "CASE WHEN state <> 'done' THEN '' WHEN fate < 0.03 THEN 'length' ELSE 'stop' END",
            "usage": USAGE,
            "error_code": CODE,
            "error": "CASE WHEN state = 'failed' THEN 'The provider is overloaded. Try again soon.' ELSE '' END",
            "parameters": "'{}'::jsonb",
        },
        "turn ORDER BY at, k",
    )


USAGE = (
    "CASE WHEN state = 'done' THEN jsonb_build_object('prompt', 300 + t * 400, 'completion', 20 + (fate * 900)::int, "
    "'reasoning', 0, 'cache_hit', t * 380, 'cache_miss', 300) END"
)
CODE = "CASE state WHEN 'failed' THEN code WHEN 'interrupted' THEN 'interrupted' ELSE '' END"


def attachments(first: int, last: int) -> None:
    """In one question of twenty-five, and in a third of the second conversation's. Their bytes are no image."""
    insert(
        Attachment,
        {
            "id": "pg_temp.row_id('image', k * 10 + place)",
            "conversation_id": "conversation_id",
            "message_id": "question_id",
            "position": "place",
            "name": "'photo ' || place || '.jpg'",
            "media_type": "'image/jpeg'",
            "data": "decode(repeat(md5(k::text), 60), 'hex')",
            "width": "640",
            "height": "480",
            "bytes": "960",
        },
        "turn, generate_series(1, 1 + (k %% 3)::int) AS place "
        "WHERE kind <> 'again' AND (fate < 0.04 OR (k / 100000 = 2 AND t %% 3 = 0))",
    )


# Usage --------------------------------------------------------------------------------------------------------------


def calls(first: int, last: int) -> None:
    """One request for every answer, a second where the first was overloaded, and one for every title."""
    told = {
        "generation_id": "pg_temp.row_id('generation', k)",
        "provider": "'deepseek'",
        "model": "CASE WHEN fate < 0.2 THEN 'deepseek-v4-pro' ELSE 'deepseek-flash' END",
        "conversation_id": "conversation_id",
        "member_id": "owner_id",
    }
    each = {"id": "pg_temp.row_id('call', k * 10 + number)", "number": "number", "purpose": "'answer'"}
    source = "turn, generate_series(1, CASE WHEN fate > 0.97 THEN 2 ELSE 1 END) AS number"
    insert(Call, {**told, **each, "created_at": "at + number * interval '30 ms'"}, f"{source} ORDER BY at, k")
    title = {"id": "pg_temp.row_id('call', k * 10 + 9)", "number": "9", "purpose": "'title'"}
    insert(Call, {**told, **title, "created_at": "at + interval '30 s'"}, "turn WHERE t = 1 ORDER BY at, k")
    ended = {
        "error_code": f"CASE WHEN number = 1 AND fate > 0.97 THEN 'overloaded' ELSE {CODE} END",
        "finish_reason": "CASE WHEN state = 'done' THEN 'stop' ELSE '' END",
        "returned_model": "'deepseek-flash'",
        "usage": USAGE,
        "first_text_at": "at + interval '700 ms'",
        "ended_at": "at + interval '20 s' * (0.2 + fate)",
    }
    insert(Reply, {**ended, "call_id": each["id"]}, f"{source} WHERE fate < 0.999 ORDER BY at, k")
    named = "turn, (SELECT 9 AS number) AS title WHERE t = 1 ORDER BY at, k"
    insert(Reply, {**ended, "call_id": title["id"]}, named)


def charges(first: int, last: int) -> None:
    """What each of them cost, at today's prices; of one in fourteen estimated, and nothing where it was refused."""
    counted = {
        "cache_hit_tokens": "CASE WHEN refused THEN 0 ELSE t * 380 END",
        "cache_miss_tokens": "CASE WHEN refused THEN 0 ELSE 300 END",
        "output_tokens": "CASE WHEN refused THEN 0 ELSE 20 + (fate * 900)::int END",
    }
    prices = {"cache_hit_price": "hit", "cache_miss_price": "miss", "output_price": "output", "call_price": "0"}
    amount = " + ".join(
        f"{tokens} * {price}" for tokens, price in zip(counted.values(), ("hit", "miss", "output"), strict=True)
    )
    insert(
        Charge,
        {
            **{it: f"call.{it}" for it in ("generation_id", "conversation_id", "member_id", "purpose", "provider")},
            "id": "nextval('usage_charge_id_seq')",
            "call_id": "call.id",
            "model": "call.model",
            "kind": "'charge'",
            "member_label": "belonging.label",
            "group_ids": "belonging.groups",
            "returned_model": "'deepseek-flash'",
            "sent_at": "call.created_at",
            "finished_at": "call.created_at + interval '20 s' * (0.2 + fate)",
            "created_at": "call.created_at + interval '20 s' * (0.2 + fate)",
            "is_estimated": "state <> 'done' AND NOT refused",
            "price_id": "1",
            "currency": "'USD'",
            "reported_in": "'USD'",
            "rate": "1",
            "amount": f"({amount}) / 1000000.0",
            "cost": f"({amount}) / 1000000.0",
            **counted,
            **prices,
        },
        """(SELECT turn.*, nth, nth = 1 AND fate > 0.97 AS refused
              FROM turn, unnest(ARRAY[1, 2, 9]) AS nth) AS sent
         JOIN usage_call AS call ON call.id = pg_temp.row_id('call', k * 10 + nth)
         JOIN belonging ON belonging.id = owner_id,
              LATERAL (SELECT CASE WHEN fate < 0.2 THEN 0.022 ELSE 0.003 END AS hit,
                              CASE WHEN fate < 0.2 THEN 0.66 ELSE 0.15 END AS miss,
                              CASE WHEN fate < 0.2 THEN 1.98 ELSE 0.60 END AS output) AS price
        ORDER BY sent.at, k""",
    )


GROUPS = (turns, conversations, memberships, messages, mentions, generations, attachments, calls, charges)
