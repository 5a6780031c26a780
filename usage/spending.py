"""The only writer of what people spend.

A Call is written before its request is sent. What came of it, its Reply, and what it cost, its Charge, are written
together, in one statement: there is none without the other. Told twice, the first telling stands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from catalog.models import LanguageModel, Rate
from catalog.prices import billed_as
from usage.models import Call, Charge, Reply
from usage.tokens import Tokens

PLACES = Decimal("1e-12")
PATIENCE = timedelta(minutes=3)  # after which a call that is not an answer has ended, whoever was to tell
FORGOTTEN_AFTER, LOOK_BACK = timedelta(minutes=1), timedelta(days=2)
BATCH = 500


def open_call(
    key: UUID,
    generation_id: UUID,
    conversation_id: UUID,
    member_id: UUID,
    purpose: str,
    model: LanguageModel,
    prompt_tokens: int = 0,
    hold: Callable[[], None] | None = None,
) -> Call:
    """Write down a request that is about to be sent, and commit it. One writer per generation: its worker.

    Told twice, as when a commit's reply was lost, there is still one row. `hold` takes what it may cost, in the same
    transaction: of a Hold without its call nobody would know. Raises what that raises.
    """
    values: dict[str, Any] = {
        "id": key,
        "generation_id": generation_id,
        "purpose": purpose,
        "provider": model.provider.name,
        "model": model.name,
        "model_id": model.pk,
        "conversation_id": conversation_id,
        "member_id": member_id,
        "prompt_tokens": prompt_tokens,
    }
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if hold:
            hold()
        cursor.execute(_OPEN, values)
        written = cursor.fetchone()
    if written is None:
        return Call.objects.get(pk=key)
    number, created_at, member_label, group_ids = written
    return Call(**values, number=number, created_at=created_at, member_label=member_label, group_ids=group_ids)


_OPEN = """
    INSERT INTO usage_call (id, generation_id, number, purpose, provider, model, model_id, conversation_id, member_id,
                            prompt_tokens, member_label, group_ids)
    SELECT %(id)s, %(generation_id)s, coalesce(max(number), 0) + 1, %(purpose)s, %(provider)s, %(model)s, %(model_id)s,
           %(conversation_id)s, %(member_id)s, %(prompt_tokens)s,
           coalesce((SELECT coalesce(nullif(name, ''), email) FROM accounts_user WHERE id = %(member_id)s), ''),
           ARRAY(SELECT group_id FROM accounts_user_groups WHERE user_id = %(member_id)s ORDER BY 1)
      FROM usage_call WHERE generation_id = %(generation_id)s
        ON CONFLICT (id) DO NOTHING
 RETURNING number, created_at, member_label, group_ids
"""


def close_call(call: Call, tokens: Tokens, model: LanguageModel | None = None, **facts: Any) -> Charge | None:
    """Write down what came of a request, in columns of Reply, and what it cost. None: somebody has told before.

    What was estimated in the meantime, for a worker that was taken for dead, is set right, by a Charge of kind LATE.
    """
    charge = _charge(call, tokens, model, facts.get("returned_model", ""))
    if _write(charge, Reply(call=call, **facts)):
        return charge
    return _tell_late(charge)


def _charge(call: Call, tokens: Tokens, model: LanguageModel | None, returned: str, **more: Any) -> Charge:
    charge = Charge(
        call=call,
        **{name: getattr(call, name) for name in COPIED},
        returned_model=returned,
        sent_at=call.created_at,
        cache_hit_tokens=tokens.hit,
        cache_miss_tokens=tokens.miss,
        output_tokens=tokens.output,
        reasoning_tokens=tokens.reasoning,
        is_estimated=tokens.is_estimated,
        reported_in=settings.CURRENCY,
        **more,
    )
    if model is None and call.model_id is not None:
        model = LanguageModel.objects.filter(pk=call.model_id).select_related("provider").first()
    if model:
        _price(charge, billed_as(model, returned, call.created_at), tokens)
    return charge


COPIED = (
    "generation_id",
    "conversation_id",
    "member_id",
    "member_label",
    "group_ids",
    "purpose",
    "provider",
    "model",
)


def _price(charge: Charge, model: LanguageModel, tokens: Tokens) -> None:
    """By the price of its start. Without one there is no amount; without a rate there is one, and no cost."""
    price = model.price_at(charge.sent_at)
    if price is None:
        return
    is_asked = tokens != Tokens()  # what was refused costs nothing
    charge.price_id, charge.currency, charge.call_price = price.pk, price.currency, price.per_call
    charge.cache_hit_price, charge.cache_miss_price, charge.output_price = (
        price.cache_hit,
        price.cache_miss,
        price.output,
    )
    charge.amount = price.of(tokens.hit, tokens.miss, tokens.output) if is_asked else Decimal(0)
    charge.rate = Rate.objects.at(price.currency, settings.CURRENCY, charge.sent_at)
    if charge.rate is not None:
        charge.cost = (charge.amount * charge.rate).quantize(PLACES)


def _write(charge: Charge, reply: Reply | None = None) -> bool:
    """One statement: the Reply, where there is one to tell, and the Charge. Whether the charge is new."""
    told = {name: getattr(reply, name) for name in TOLD} if reply else {}
    if reply and reply.usage is not None:
        told["usage"] = Jsonb(reply.usage)
    booked = {name: getattr(charge, name) for name in BOOKED}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE[reply is not None], [*told.values(), *booked.values()])
        written = cursor.fetchone()
    if written:
        charge.pk, charge.finished_at, charge.created_at = written
    return bool(written)


def _columns(rows: type[Model], *without: str) -> tuple[str, ...]:
    return tuple(field.attname for field in rows._meta.concrete_fields if field.name not in without)


def _insert(rows: type[Model], columns: tuple[str, ...]) -> str:
    table, holes = rows._meta.db_table, ", ".join("%s" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({holes})"  # noqa: S608  # names of ours


TOLD = _columns(Reply, "ended_at")
BOOKED = _columns(Charge, "id", "finished_at", "created_at")
_BOOK = f"{_insert(Charge, BOOKED)} ON CONFLICT DO NOTHING RETURNING id, finished_at, created_at"
_WRITE = {False: _BOOK, True: f"WITH told AS ({_insert(Reply, TOLD)} ON CONFLICT DO NOTHING) {_BOOK}"}


def _tell_late(charge: Charge) -> Charge | None:
    """What its provider counted, after somebody had estimated it: the difference, once."""
    stands = Charge.objects.filter(call=charge.call_id, kind=Charge.Kind.CHARGE, is_estimated=True).first()
    if stands is None or charge.is_estimated:
        return None
    late = _difference(stands, charge, Charge.Kind.LATE)
    return late if _write(late) else None


DIFFERENCES = (
    "cache_hit_tokens",
    "cache_miss_tokens",
    "output_tokens",
    "reasoning_tokens",
    "amount",
    "cost",
)


def _difference(stands: Charge, truly: Charge, kind: str, reason: str = "") -> Charge:
    """What has to be booked so that the sum is as if `truly` stood there alone."""
    row = Charge(**{name: getattr(truly, name) for name in BOOKED} | {"kind": kind, "reason": reason})
    for name in DIFFERENCES:
        after, before = getattr(truly, name), getattr(stands, name)
        setattr(row, name, None if after is None else after - (before or 0))
    return row


def correct(charge: Charge, cost: Decimal, reason: str) -> Charge:
    """Add a signed sum, in the reporting currency, to what a Call cost. Its own row stays as it is."""
    row = Charge(**{name: getattr(charge, name) for name in BOOKED})
    row.kind, row.reason, row.reported_in = Charge.Kind.CORRECTION, reason, settings.CURRENCY
    row.cache_hit_tokens = row.cache_miss_tokens = row.output_tokens = row.reasoning_tokens = 0
    row.currency, row.rate, row.amount, row.cost = settings.CURRENCY, Decimal(1), cost, cost
    _write(row)
    return row


# For those who can't tell any more ------------------------------------------------------------------------------------


def charge_abandoned(generation_id: UUID, said: str, reasoning: str) -> None:
    """Its worker is gone: charge what it sent and nobody was told of, by what we know.

    `said`, `reasoning`: its words as we have them. The last request spoke them; of those before it we were told.
    """
    calls = list(_uncharged(Call.objects.filter(generation_id=generation_id)).order_by("-number"))
    for call in calls:
        words = (said, reasoning) if call is calls[0] and call.purpose == Call.Purpose.ANSWER else ("", "")
        _charge_unheard(call, *words)


def charge_forgotten() -> int:
    """Charge the calls that nobody will tell of any more; how many there were. Any worker may, any number at once.

    Titles whose worker died, and all that a worker of a version without charges has answered.
    """
    lately = Q(created_at__gt=Now() - LOOK_BACK, created_at__lt=Now() - FORGOTTEN_AFTER)
    total = timedelta(seconds=settings.PROVIDER_CLOCKS["total"])
    ended = (
        Q(reply__isnull=False)
        | Q(created_at__lt=Now() - PATIENCE - total)
        | (~Q(purpose=Call.Purpose.ANSWER) & Q(created_at__lt=Now() - PATIENCE))
    )
    return sum(map(_charge_unheard, _uncharged(Call.objects.filter(lately & ended))[:BATCH]))


def charge_history() -> int:
    """The same for all calls that have ended, whatever their age: those from before there were charges."""
    ended, done = _uncharged(Call.objects.filter(reply__isnull=False)), 0
    while calls := list(ended.order_by("created_at")[:BATCH]):
        done += sum(map(_charge_unheard, calls))
    return done


def _uncharged(calls: QuerySet[Call]) -> QuerySet[Call]:
    return calls.filter(~Exists(Charge.objects.filter(call=OuterRef("pk"), kind=Charge.Kind.CHARGE)))


def _charge_unheard(call: Call, said: str = "", reasoning: str = "") -> bool:
    reply = Reply.objects.filter(pk=call.pk).first()
    counted = Tokens.counted(reply.usage) if reply else None
    tokens = counted or Tokens.estimated(call.prompt_tokens, said, reasoning)
    return _write(_charge(call, tokens, None, reply.returned_model if reply else ""))
