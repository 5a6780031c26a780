"""Limits, and what is kept for them: every Charge is added to the balances of its windows, and taken from its Hold."""

import uuid
from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# In a function that is volatile, each statement sees what was committed before it: so also the balances that somebody
# began to keep while we waited for the lock. 'ledger', in hexadecimal, is its number.
KEEP = """
    CREATE FUNCTION usage_keep_balances() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        hold usage_hold;
        counted bigint[];
        subjects text[] := ARRAY['team', 'member:' || NEW.member_id]
            || ARRAY(SELECT 'group:' || id FROM unnest(NEW.group_ids) AS id);
        spent numeric := coalesce(NEW.cost, 0);
        used bigint := NEW.cache_hit_tokens + NEW.cache_miss_tokens + NEW.output_tokens;
        answers int := (NEW.kind = 'charge' AND NEW.purpose = 'answer' AND NEW.cache_hit_tokens
            + NEW.cache_miss_tokens + NEW.output_tokens > 0)::int;
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(x'6C6564676572'::bigint);
        IF NEW.kind = 'charge' THEN
            SELECT * INTO hold FROM usage_hold
             WHERE id = CASE NEW.purpose WHEN 'answer' THEN NEW.generation_id ELSE NEW.call_id END FOR UPDATE;
        END IF;
        counted := ARRAY(SELECT id FROM usage_balance
            WHERE subject = ANY(subjects) AND NOT is_rolling AND starts_at <= NEW.sent_at AND ends_at > NEW.sent_at);
        IF hold.id IS NULL AND cardinality(counted) = 0 THEN
            RETURN NULL;
        END IF;
        PERFORM 1 FROM usage_balance WHERE id = ANY(counted || hold.balances) ORDER BY id FOR NO KEY UPDATE;
        UPDATE usage_balance SET cost = cost + spent, tokens = tokens + used, requests = requests + answers
         WHERE id = ANY(counted);
        IF hold.id IS NOT NULL THEN
            UPDATE usage_hold SET cost = cost - least(cost, greatest(spent, 0)),
                                  tokens = tokens - least(tokens, greatest(used, 0)),
                                  requests = requests - least(requests, answers) WHERE id = hold.id;
            UPDATE usage_balance SET held_cost = held_cost - least(hold.cost, greatest(spent, 0)),
                                     held_tokens = held_tokens - least(hold.tokens, greatest(used, 0)),
                                     held_requests = held_requests - least(hold.requests, answers)
             WHERE id = ANY(hold.balances);
            IF NEW.purpose <> 'answer' THEN  -- it had one request, and this was it
                PERFORM usage_free(hold.id);
            END IF;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER usage_charge_is_kept_in_balances AFTER INSERT ON usage_charge
        FOR EACH ROW EXECUTE FUNCTION usage_keep_balances()
"""
FREE = """
    CREATE FUNCTION usage_free(which uuid) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        hold usage_hold;
    BEGIN
        DELETE FROM usage_hold WHERE id = which RETURNING * INTO hold;
        IF hold.id IS NULL THEN
            RETURN false;
        END IF;
        PERFORM 1 FROM usage_balance WHERE id = ANY(hold.balances) ORDER BY id FOR NO KEY UPDATE;
        UPDATE usage_balance SET held_cost = held_cost - hold.cost, held_tokens = held_tokens - hold.tokens,
                                 held_requests = held_requests - hold.requests
         WHERE id = ANY(hold.balances);
        RETURN true;
    END $$
"""
KEEP_NOT = "DROP TRIGGER usage_charge_is_kept_in_balances ON usage_charge; DROP FUNCTION usage_keep_balances"


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("catalog", "0005_prices"),
        ("usage", "0004_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Balance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(max_length=50)),
                ("window", models.CharField(max_length=12)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("is_rolling", models.BooleanField(default=False)),
                ("cost", models.DecimalField(decimal_places=12, default=Decimal("0"), max_digits=20)),
                ("tokens", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("held_cost", models.DecimalField(decimal_places=12, default=Decimal("0"), max_digits=20)),
                ("held_tokens", models.BigIntegerField(default=0)),
                ("held_requests", models.BigIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["subject", "ends_at"], name="balances_of_a_subject")],
                "constraints": [
                    models.UniqueConstraint(fields=("subject", "window", "starts_at"), name="one_balance_of_a_window"),
                    models.CheckConstraint(
                        condition=models.Q(("held_cost__gte", 0), ("held_requests__gte", 0), ("held_tokens__gte", 0)),
                        name="no_hold_is_freed_twice",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("member_id", models.UUIDField()),
                ("balances", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ("cost", models.DecimalField(decimal_places=12, max_digits=20)),
                ("tokens", models.BigIntegerField()),
                ("requests", models.BigIntegerField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["created_at"], name="holds_by_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("cost__gte", 0), ("requests__gte", 0), ("tokens__gte", 0)),
                        name="a_hold_is_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Raise",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "unit",
                    models.CharField(
                        choices=[("money", "money"), ("tokens", "tokens"), ("requests", "answers")],
                        max_length=10,
                        verbose_name="of",
                    ),
                ),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("minute", "within a minute"),
                            ("hour", "within an hour"),
                            ("day", "within 24 hours"),
                            ("week", "within 7 days"),
                            ("month", "within 30 days"),
                            ("today", "a day"),
                            ("this_week", "a week, from Monday"),
                            ("this_month", "a month"),
                        ],
                        max_length=12,
                        verbose_name="in",
                    ),
                ),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=6,
                        max_digits=20,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.000001"))],
                        verbose_name="more",
                    ),
                ),
                ("until", models.DateTimeField(verbose_name="until")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="raises",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RaiseRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "unit",
                    models.CharField(
                        choices=[("money", "money"), ("tokens", "tokens"), ("requests", "answers")],
                        max_length=10,
                        verbose_name="of",
                    ),
                ),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("minute", "within a minute"),
                            ("hour", "within an hour"),
                            ("day", "within 24 hours"),
                            ("week", "within 7 days"),
                            ("month", "within 30 days"),
                            ("today", "a day"),
                            ("this_week", "a week, from Monday"),
                            ("this_month", "a month"),
                        ],
                        max_length=12,
                        verbose_name="in",
                    ),
                ),
                ("words", models.CharField(blank=True, max_length=500, verbose_name="what for")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "waits"), ("granted", "granted"), ("refused", "refused")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, max_length=500)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "granted",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="request",
                        to="usage.raise",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="raise_requests",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Limit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "shared",
                    models.BooleanField(
                        default=False,
                        help_text="Otherwise each of them has so much.",
                        verbose_name="for all of them together",
                    ),
                ),
                (
                    "unit",
                    models.CharField(
                        choices=[("money", "money"), ("tokens", "tokens"), ("requests", "answers")],
                        default="money",
                        max_length=10,
                        verbose_name="of",
                    ),
                ),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("minute", "within a minute"),
                            ("hour", "within an hour"),
                            ("day", "within 24 hours"),
                            ("week", "within 7 days"),
                            ("month", "within 30 days"),
                            ("today", "a day"),
                            ("this_week", "a week, from Monday"),
                            ("this_month", "a month"),
                        ],
                        default="this_month",
                        max_length=12,
                        verbose_name="in",
                    ),
                ),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=6,
                        max_digits=20,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(999999999999),
                        ],
                        verbose_name="at most",
                    ),
                ),
                (
                    "soft_percent",
                    models.PositiveSmallIntegerField(
                        default=80,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="tell them at %",
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "nothing"),
                            ("no_thinking", "answers without thinking"),
                            ("route", "answers by another model"),
                        ],
                        default="",
                        max_length=12,
                        verbose_name="before the end",
                    ),
                ),
                (
                    "step_percent",
                    models.PositiveSmallIntegerField(
                        default=90,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="from % on",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="limits",
                        to="auth.group",
                        verbose_name="group",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="limits",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member",
                    ),
                ),
                (
                    "step_route",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.route",
                        verbose_name="that other model",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("member", "group", "shared", "unit", "window"),
                        name="one_limit_of_a_kind",
                        nulls_distinct=False,
                        violation_error_message="There is such a limit already. Change that one.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("member", None), models.Q(("group", None), ("shared", False)), _connector="OR"
                        ),
                        name="a_limit_is_for_a_member_or_a_group",
                        violation_error_message="Choose a member, or a group, or neither: then it is for everybody.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gte", 0), ("amount__lt", 1000000000000)),
                        name="a_limit_is_a_number",
                        violation_error_message="A limit is a number from 0 on.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("shared", False),
                            models.Q(("window__in", ["day", "week", "month"]), _negated=True),
                            _connector="OR",
                        ),
                        name="a_shared_limit_goes_by_the_calendar",
                        violation_error_message="What all have together goes by the calendar, a minute or an hour.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("step", "route"), _negated=True), ("step_route__isnull", False), _connector="OR"
                        ),
                        name="a_step_to_another_model_names_it",
                        violation_error_message="Choose that other model.",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="raise",
            index=models.Index(fields=["member", "until"], name="raises_of_a_member"),
        ),
        migrations.AddConstraint(
            model_name="raise",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("amount__lt", 1000000000000)),
                name="a_raise_is_more",
                violation_error_message="A raise is a number above 0.",
            ),
        ),
        migrations.AddIndex(
            model_name="raiserequest",
            index=models.Index(fields=["state", "created_at"], name="raise_requests_by_state"),
        ),
        migrations.AddConstraint(
            model_name="raiserequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")), fields=("member",), name="a_member_asks_for_one_raise_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="raiserequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "open"), ("decided_at__isnull", False), _connector="OR"),
                name="a_decision_has_its_time",
            ),
        ),
        migrations.RunSQL(FREE, "DROP FUNCTION usage_free"),
        migrations.RunSQL(KEEP, KEEP_NOT),
    ]
